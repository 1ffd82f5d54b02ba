import { Redis } from 'ioredis'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { decode, refreshTokenKey, signHs256, tamper, unsigned, type Json } from '../forge.ts'
import { build, codeOf, refresh, refreshNative, secretKey, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'
import type { RedisHandle } from '../stores/redis.ts'

const native = { 'x-client': 'native' }
const now = () => Math.floor(Date.now() / 1000)

/** Tokens that look like the good one and are not, by what is wrong with them. */
async function forgeries(app: App): Promise<Record<string, string>> {
  const { refresh_token: good, access_token } = await signUp(app)
  const { refresh_token: foreign } = await signUp(app)
  const { header, claims } = decode(good)
  const [head = '', body = '', signature = ''] = good.split('.')
  const key = refreshTokenKey()
  const signed = (header_: Json, claims_: Json) =>
    signHs256({ ...header, ...header_ }, { ...claims, ...claims_ }, key)
  const without = (name: string) =>
    signHs256(header, Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name)), key)

  return {
    'the claims of one user under the signature of another': [head, foreign.split('.')[1], signature].join(
      '.'
    ),
    'another key': signHs256(header, claims, refreshTokenKey('another secret of thirty-two bytes or more')),
    'the secret itself as key': signHs256(header, claims, secretKey),
    'an empty key': signHs256(header, claims, ''),
    'alg none': unsigned({ ...header, alg: 'none' }, claims),
    'alg NONE with a signature': unsigned({ ...header, alg: 'NONE' }, claims) + signature,
    'no signature': `${head}.${body}.`,
    'two segments': `${head}.${body}`,
    'four segments': `${good}.${signature}`,
    'alg HS512': signed({ alg: 'HS512' }, {}),
    'alg ES256': signed({ alg: 'ES256' }, {}),
    'no alg': signed({ alg: undefined }, {}),
    'the type of an access token': signed({ typ: 'at+jwt' }, {}),
    'the type JWT': signed({ typ: 'JWT' }, {}),
    'no type': signed({ typ: undefined }, {}),
    'an unknown kid': signed({ kid: 'AAAAAAAAAAAA' }, {}),
    'the kid __proto__': signHs256(
      JSON.parse('{"alg":"HS256","typ":"rt+jwt","kid":"__proto__"}') as Json,
      claims,
      key
    ),
    'the kid constructor': signed({ kid: 'constructor' }, {}),
    'a kid that is no string': signed({ kid: { toString: 'x' } }, {}),
    'no kid': signed({ kid: undefined }, {}),
    'a critical extension': signed({ crit: ['exp'], exp: 1 }, {}),
    'an unencoded payload': signed({ crit: ['b64'], b64: false }, {}),
    'another issuer': signed({}, { iss: 'https://evil.example.com' }),
    expired: signed({}, { exp: now() - 1 }),
    'not yet valid': signed({}, { nbf: now() + 60 }),
    'exp that is no number': signed({}, { exp: '9999999999' }),
    ...Object.fromEntries(
      ['iss', 'sub', 'sid', 'gen', 'iat', 'exp'].map((name) => [`no ${name}`, without(name)])
    ),
    'an access token': access_token,
    'JSON serialization': Buffer.from(JSON.stringify({ protected: head, payload: body, signature })).toString(
      'base64url'
    ),
    'claims that are no object': signHs256(header, JSON.parse('[]') as Json, key),
    'no token at all': 'x',
    dots: '..',
    long: `${head}.${'A'.repeat(8000)}.${signature}`
  }
}

/** @returns what gives the commands that Redis was sent since it was last asked for them */
async function watch(t: Test, redis: RedisHandle): Promise<() => Promise<string[]>> {
  const client = new Redis(redis.url)
  const monitor = await client.monitor()
  t.teardown(() => {
    monitor.disconnect()
    client.disconnect()
  })
  const commands: string[] = []
  monitor.on('monitor', (_time: string, command: string[], source: string) => {
    // Nodes ask every now and then whether their connections still live.
    if (source !== 'lua' && command[0] !== 'ping') commands.push(command.join(' '))
  })
  return async () => {
    const mark = `echo ${randomUUID()}`
    await redis.client().echo(mark.slice(5))
    while (!commands.includes(mark)) await once(monitor, 'monitor')
    return commands.splice(0).filter((command) => command !== mark)
  }
}

t.test('the keys that the tests forge with are the right ones', async (t) => {
  const app = await build(t)
  const { refresh_token } = await signUp(app)
  const { header, claims } = decode(refresh_token)
  t.match(header, { alg: 'HS256', typ: 'rt+jwt', kid: /^[\w-]{12}$/ })
  t.equal(signHs256(header, claims, refreshTokenKey()), refresh_token)
})

t.test('every forgery is refused, by either transport', async (t) => {
  const app = await build(t)
  for (const [name, token] of Object.entries(await forgeries(app))) {
    for (const send of [refresh, refreshNative]) {
      const response = await send(app, token)
      isProblem(t, response, 'refresh_token_invalid', name)
      t.match(response.headers['set-cookie'], /^__Host-refresh_token=; Max-Age=0; Path=\//)
    }
  }
})

t.test('a token with any one of its characters changed is refused', async (t) => {
  const app = await build(t)
  for (const { refresh_token, send } of [
    { ...(await signUp(app)), send: refresh },
    { ...(await signUp(app, native)), send: refreshNative }
  ]) {
    const tampered = tamper(refresh_token)
    t.ok(tampered.length > 400)
    // One by one: all at once would be a load of its own, which the server may refuse.
    const codes = new Set<string>()
    for (const token of tampered) codes.add(codeOf(await send(app, token)))
    t.same(codes, new Set(['refresh_token_invalid']))
    t.equal((await send(app, refresh_token)).statusCode, 200, 'and the session is unharmed')
  }
})

t.test('a forgery is refused without asking any store', async (t) => {
  const { app, redis, proxies } = await buildBehindProxies(t)
  const tokens = Object.entries(await forgeries(app))
  const { refresh_token, session_id } = await signUp(app)

  // The first script of a connection is sent whole.
  await refresh(app, (await signUp(app)).refresh_token)
  const asked = await watch(t, redis)
  await asked() // what was still on its way
  for (const [name, token] of tokens)
    t.equal(codeOf(await refresh(app, token)), 'refresh_token_invalid', name)
  for (const token of tamper(refresh_token).slice(0, 50)) await refresh(app, token)
  t.same(await asked(), [])

  t.equal((await refresh(app, refresh_token)).statusCode, 200)
  const [script, ...more] = await asked()
  t.match(script, new RegExp(`^evalsha .*session:{${session_id}} 1 browser `), 'a good one is one script')
  const mark = new RegExp(`^evalsha .*session:{${session_id}} 2 1$`)
  t.same(
    more.filter((command) => !mark.test(command)),
    [],
    'and, behind the answer, its mark'
  )

  await Promise.all([proxies.redis.cut(), proxies.postgres.cut()])
  for (const [name, token] of tokens) isProblem(t, await refresh(app, token), 'refresh_token_invalid', name)
  const response = await refresh(app, refresh_token)
  isProblem(t, response, 'temporarily_unavailable')
  t.notOk(response.headers['set-cookie'], 'a good one keeps its cookie')
})

t.test(
  'while SECRET_KEY is being rotated, tokens of the old key are good, and new ones are of the new key',
  async (t) => {
    const old = await build(t)
    const { refresh_token } = await signUp(old)
    const next = 'the next secret of thirty-two bytes and more'
    const both = await build(t, { SECRET_KEY: `${next},${secretKey}` }, old.stores)
    const response = await refresh(both, refresh_token)
    t.equal(response.statusCode, 200)
    const renewed = response.cookies.find(({ name }) => name === '__Host-refresh_token')?.value ?? ''
    const { header, claims } = decode(renewed)
    t.equal(signHs256(header, claims, refreshTokenKey(next)), renewed)
    t.equal(codeOf(await refresh(old, renewed)), 'refresh_token_invalid')
  }
)
