import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import t from 'tap'
import { accessTokenKey, decode, signEs256, signHs256, tamper, unsigned, type Json } from '../forge.ts'
import { bearer, build, codeOf, secretKey, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'

const now = () => Math.floor(Date.now() / 1000)
const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

const me = (app: App, token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })

/** Tokens that look like the good one and are not, by what is wrong with them. */
async function forgeries(app: App): Promise<Record<string, string>> {
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

  const { keys } = (await app.inject('/.well-known/jwks.json')).json<{ keys: JsonWebKey[] }>()
  const published = keys[0] ?? {}
  const pem = createPublicKey({ key: published, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const der = createPublicKey({ key: published, format: 'jwk' }).export({ type: 'spki', format: 'der' })
  const confused = { ...header, alg: 'HS256' }

  return {
    // RFC 8725 §2.1: the public key as the secret of a MAC.
    'HS256 under the public key as PEM': signHs256(confused, claims, pem),
    'HS256 under the same without its last newline': signHs256(confused, claims, pem.toString().trimEnd()),
    'HS256 under the public key as DER': signHs256(confused, claims, der),
    'HS256 under the published JWK': signHs256(confused, claims, JSON.stringify(published)),
    'HS256 under SECRET_KEY': signHs256(confused, claims, secretKey),
    'alg none': unsigned({ ...header, alg: 'none' }, claims),
    'alg nOnE with a signature': unsigned({ ...header, alg: 'nOnE' }, claims) + signature,
    'no signature': `${head}.${body}.`,
    'an empty signature of 64 bytes': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    'alg ES384': signed({ alg: 'ES384' }),
    'no alg': signed({ alg: undefined }),
    'another key': signed({}, {}, otherKey),
    'another key that the header brings': signed({ jwk: publicKey.export({ format: 'jwk' }) }, {}, otherKey),
    'another key that the header points to': signed(
      { jku: 'https://evil.example.com/jwks.json' },
      {},
      otherKey
    ),
    'an unknown kid': signed({ kid: 'A'.repeat(43) }),
    'the kid __proto__': signEs256(
      JSON.parse('{"alg":"ES256","typ":"at+jwt","kid":"__proto__"}') as Json,
      claims,
      key
    ),
    'a kid that is a path': signed({ kid: '../../dev/null' }),
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
    'claims that are no object': signEs256(header, JSON.parse('["sub"]') as Json, key),
    'no token at all': 'x',
    dots: '..',
    long: `${head}.${'A'.repeat(10_000)}.${signature}`
  }
}

t.test('the key that the tests forge with is the right one', async (t) => {
  const app = await build(t)
  const { header, claims } = decode((await signUp(app)).access_token)
  const same = signEs256(header, claims, await accessTokenKey(app.stores))
  t.equal((await me(app, same)).statusCode, 200)
})

t.test('every forgery is refused', async (t) => {
  const app = await build(t)
  for (const [name, token] of Object.entries(await forgeries(app))) {
    const response = await me(app, token)
    isProblem(t, response, 'access_token_invalid', name)
    t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey", error="invalid_token"')
  }
})

t.test('a token with any one of its characters changed is refused, also after it was seen', async (t) => {
  const app = await build(t)
  const { access_token } = await signUp(app)
  for (const seen of [false, true]) {
    const codes = await Promise.all(tamper(access_token).map(async (token) => codeOf(await me(app, token))))
    t.ok(codes.length > 600)
    t.same(new Set(codes), new Set(['access_token_invalid']), `seen: ${String(seen)}`)
    t.equal((await me(app, access_token)).statusCode, 200)
  }
})

t.test(
  'tokens of another issuer or for another audience are refused by a node on the same keys',
  async (t) => {
    const app = await build(t)
    for (const env of [
      { PUBLIC_URL: 'https://other.example.com' },
      { AUDIENCE: 'https://api.example.com' }
    ]) {
      const other = await build(t, env, app.stores)
      const here = await signUp(app)
      const there = await signUp(other)
      isProblem(t, await me(app, there.access_token), 'access_token_invalid')
      isProblem(t, await me(other, here.access_token), 'access_token_invalid')
    }
  }
)

t.test('a logout by a forged token ends nothing', async (t) => {
  const app = await build(t)
  for (const token of Object.values(await forgeries(app))) {
    await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(token) })
  }
  const { rows } = await app.stores.pool.query('SELECT revoked_reason FROM sessions')
  // Two of these are good for that: an expired access token still names its session, and so does the refresh token.
  t.same(
    rows.filter(({ revoked_reason }: { revoked_reason: string | null }) => revoked_reason !== null).length,
    1
  )
})
