import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { accessTokenKey, decode, signEs256, signHs256, unsigned, type Json } from './forge.ts'
import { secretKey, signUp, type App } from './helper.ts'

const now = () => Math.floor(Date.now() / 1000)
const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * Access tokens that look like a good one and are not, by what is wrong with them: what RFC 8725 warns of, and
 * more. The same for the server and for the verifier of other services.
 * @param elsewhere a server that must not be asked for a key
 */
export async function forgeries(
  app: App,
  elsewhere = 'https://evil.example.com'
): Promise<Record<string, string>> {
  const { access_token: good, refresh_token } = await signUp(app)
  const { access_token: foreign } = await signUp(app)
  const { header, claims } = decode(good)
  const [head = '', body = '', signature = ''] = good.split('.')
  const key = await accessTokenKey(app.stores)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const otherKey = privateKey.export({ format: 'jwk' })
  const signed = (header_: Json, claims_: Json = {}, jwk: JsonWebKey = key) =>
    signEs256({ ...header, ...header_ }, { ...claims, ...claims_ }, jwk)
  const without = (name: string) =>
    signEs256(header, Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name)), key)

  return {
    ...macs(header, claims, await publishedKey(app)),
    ...Object.fromEntries(
      ['none', 'None', 'NONE', 'nOnE', 'none ', ''].flatMap((alg) => [
        [`alg "${alg}"`, unsigned({ ...header, alg }, claims)],
        [`alg "${alg}" with a signature`, unsigned({ ...header, alg }, claims) + signature]
      ])
    ),
    'no signature': `${head}.${body}.`,
    'an empty signature of 64 bytes': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    'alg ES384': signed({ alg: 'ES384' }),
    'no alg': signed({ alg: undefined }),
    'another key': signed({}, {}, otherKey),
    'another key that the header brings': signed({ jwk: publicKey.export({ format: 'jwk' }) }, {}, otherKey),
    ...Object.fromEntries(
      ['jku', 'x5u'].flatMap((parameter) => [
        [`a key elsewhere, by ${parameter}`, signed({ [parameter]: `${elsewhere}/jwks.json` }, {}, otherKey)],
        [
          `a key elsewhere, by ${parameter} and an unknown kid`,
          signed({ [parameter]: `${elsewhere}/jwks.json`, kid: 'A'.repeat(43) }, {}, otherKey)
        ]
      ])
    ),
    'another key as a certificate': signed(
      { x5c: [publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] },
      {},
      otherKey
    ),
    'an unknown kid': signed({ kid: 'A'.repeat(43) }),
    ...Object.fromEntries(
      ['__proto__', 'constructor', '../../dev/null', '/dev/null', "' OR 1=1 --", `${elsewhere}/key`].map(
        (kid) => [
          `the kid ${kid}`,
          signEs256(JSON.parse(JSON.stringify({ ...header, kid })) as Json, claims, key)
        ]
      )
    ),
    'the prototype of a header': signEs256(
      JSON.parse('{"alg":"ES256","typ":"at+jwt","__proto__":{"kid":"x"}}') as Json,
      claims,
      key
    ),
    'a kid that is no string': signed({ kid: 1 }),
    'no kid': signed({ kid: undefined }),
    'the type JWT': signed({ typ: 'JWT' }),
    'the type of a refresh token': signed({ typ: 'rt+jwt' }),
    'no type': signed({ typ: undefined }),
    'another issuer': signed({}, { iss: 'https://evil.example.com' }),
    'an issuer that ours begins with': signed({}, { iss: 'http://localhost:300' }),
    'another audience': signed({}, { aud: 'https://other.example.com' }),
    'several audiences without ours': signed({}, { aud: ['https://other.example.com', 'x'] }),
    expired: signed({}, { exp: now() - 1 }),
    'not yet valid': signed({}, { nbf: now() + 60 }),
    'a critical extension that nobody knows': signed({ crit: ['exp'], exp: 1 }),
    'an unencoded payload': signed({ crit: ['b64'], b64: false }),
    'an empty list of critical extensions': signed({ crit: [] }),
    ...Object.fromEntries(
      ['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'sid'].map((name) => [`no ${name}`, without(name)])
    ),
    'the claims of one user under the signature of another': [head, foreign.split('.')[1], signature].join(
      '.'
    ),
    'a refresh token': refresh_token,
    'JSON serialization': JSON.stringify({ payload: body, protected: head, signature }),
    'JSON serialization with base64url': json({ payload: body, protected: head, signature }),
    'general JSON serialization': JSON.stringify({
      payload: body,
      signatures: [{ protected: head, signature }]
    }),
    'four segments': `${good}.${signature}`,
    'padding at its end': `${good}==`,
    ...Object.fromEntries(
      ['+', '/', '=', '%', '~', '\\', '*'].flatMap((character) => [
        [`a ${character} in the header`, `${character}${good}`],
        [`a ${character} in the payload`, `${head}.${character}${body}.${signature}`],
        [`a ${character} in the signature`, `${head}.${body}.${character}${signature.slice(1)}`]
      ])
    ),
    'claims that are an array': signEs256(header, JSON.parse('["sub"]') as Json, key),
    'claims that are a string': signEs256(header, JSON.parse('"sub"') as Json, key),
    'claims that are nothing': signEs256(header, JSON.parse('null') as Json, key),
    'no token at all': 'x',
    dots: '..',
    long: `${head}.${'A'.repeat(10_000)}.${signature}`
  }
}

async function publishedKey(app: App): Promise<JsonWebKey> {
  const { keys } = (await app.inject('/.well-known/jwks.json')).json<{ keys: JsonWebKey[] }>()
  const [key] = keys
  if (!key) throw new Error('no key is published')
  return key
}

/** RFC 8725 §2.1: the public key, in whatever encoding, as the secret of a MAC. */
function macs(header: Json, claims: Json, jwk: JsonWebKey): Record<string, string> {
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const { kty, crv, x = '', y = '' } = jwk
  const point = Buffer.concat([x, y].map((coordinate) => Buffer.from(coordinate, 'base64url')))
  const secrets: Record<string, string | Buffer> = {
    'as PEM': pem,
    'as PEM without its last newline': pem.trimEnd(),
    'as PEM with CRLF': pem.replaceAll('\n', '\r\n'),
    'as the body of a PEM': pem.replaceAll(/-----.*-----|\n/g, ''),
    'as DER': publicKey.export({ type: 'spki', format: 'der' }),
    'as it is published': JSON.stringify(jwk),
    'as the members of its thumbprint': JSON.stringify({ crv, kty, x, y }),
    'as a set': JSON.stringify({ keys: [jwk] }),
    'as a point': point,
    'as an uncompressed point': Buffer.concat([Buffer.from([4]), point]),
    'as x': Buffer.from(x, 'base64url'),
    'as the text of x': x,
    'as the kid': String(header['kid']),
    'as SECRET_KEY': secretKey,
    'as nothing': ''
  }
  return Object.fromEntries(
    Object.entries(secrets).flatMap(([name, secret]) =>
      ['HS256', 'HS384', 'hs256'].map((alg) => [
        `${alg} under the public key ${name}`,
        signHs256({ ...header, alg }, claims, secret)
      ])
    )
  )
}
