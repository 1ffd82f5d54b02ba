import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import {
  build,
  deviceCookie,
  logIn,
  password,
  refresh,
  refreshCookie,
  refreshNative,
  signUp,
  tokensOf,
  type App
} from '../helper.ts'
import { isProblem } from '../problem.ts'

/** The lines of `Set-Cookie`, each as its value and its attributes. */
const cookiesOf = ({ headers }: LightMyRequestResponse) =>
  Object.fromEntries(
    [headers['set-cookie'] ?? []].flat().map((line) => {
      const [pair = '', ...attributes] = line.split('; ')
      const equals = pair.indexOf('=')
      return [pair.slice(0, equals), { value: pair.slice(equals + 1), attributes }] as const
    })
  )

const logOut = (app: App, refresh_token: string) =>
  app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: { cookie: `${refreshCookie}=${refresh_token}` }
  })

const signUpBody = (headers: Record<string, string>) => ({
  method: 'POST' as const,
  url: '/auth/signup',
  headers,
  payload: { email: 'native@example.com', password }
})

const expiry = 'Expires=Thu, 01 Jan 1970 00:00:00 GMT'

for (const { env, sameSite } of [
  { env: {}, sameSite: ['SameSite=Strict'] },
  { env: { COOKIE_SAMESITE: 'lax' }, sameSite: ['SameSite=Lax'] },
  {
    env: { COOKIE_SAMESITE: 'none', COOKIE_PARTITIONED: 'true', ALLOWED_ORIGINS: 'https://app.example.com' },
    sameSite: ['SameSite=None', 'Partitioned']
  }
]) {
  t.test(`cookies with ${sameSite.join(', ')}: every attribute, when set and when cleared`, async (t) => {
    const app = await build(t, env)
    const { email, refresh_token, response } = await signUp(app)
    const attributes = (maxAge: number) => [
      `Max-Age=${String(maxAge)}`,
      'Path=/',
      'HttpOnly',
      'Secure',
      ...sameSite.toReversed()
    ]
    for (const answer of [response, (await logIn(app, email)).response]) {
      const cookies = cookiesOf(answer)
      t.same(Object.keys(cookies).sort(), [deviceCookie, refreshCookie])
      t.same(cookies[refreshCookie]?.attributes.sort(), attributes(604_800).sort())
      t.same(cookies[deviceCookie]?.attributes.sort(), attributes(34_560_000).sort())
      t.match(cookies[deviceCookie]?.value, /^[\w-]{22}$/, '128 random bits')
    }
    const rotated = cookiesOf(await refresh(app, refresh_token))
    t.same(rotated[refreshCookie]?.attributes.sort(), attributes(604_800).sort())

    for (const answer of [await logOut(app, refresh_token), await refresh(app, refresh_token)]) {
      t.same(Object.keys(cookiesOf(answer)), [refreshCookie])
      t.same(cookiesOf(answer)[refreshCookie]?.value, '')
      t.same(cookiesOf(answer)[refreshCookie]?.attributes.sort(), [...attributes(0), expiry].sort())
    }
  })
}

t.test('Max-Age is what is left of the session, down to its absolute end', async (t) => {
  const app = await build(t, { REFRESH_IDLE_TTL: '1h', REFRESH_ABSOLUTE_TTL: '90m', REFRESH_OVERLAP: '5m' })
  const maxAge = (response: LightMyRequestResponse) =>
    Number(response.cookies.find(({ name }) => name === refreshCookie)?.maxAge)
  const { refresh_token, session_id, response } = await signUp(app)
  t.equal(maxAge(response), 3600)
  // An hour later there is half an hour left.
  const { redis } = app.stores
  const key = app.stores.key(session_id)
  for (const field of ['rotated_at', 'expires_at']) await redis.hincrby(key, field, -3_599_000)
  const rotated = await refresh(app, refresh_token)
  t.ok(maxAge(rotated) <= 1801 && maxAge(rotated) > 1701)
  await app.stores.age(session_id, 100_000)
  await redis.hincrby(key, 'expires_at', -100_000)
  await redis.pexpireat(key, (await redis.pexpiretime(key)) - 100_000)
  const replayed = await refresh(app, refresh_token)
  t.ok(maxAge(replayed) <= 1701 && maxAge(replayed) > 1601, 'a replay comes later, and says so')
})

t.test('a device that is named by its client is the same one in its cookie', async (t) => {
  const app = await build(t)
  const name = 'ios:42+/="%3A;,'
  const { email, refresh_token, response } = await signUp(app, { 'x-device-id': name })
  const { value = '' } = cookiesOf(response)[deviceCookie] ?? {}
  const refreshed = await refresh(app, refresh_token, { cookie: `${deviceCookie}=${value}` })
  t.equal(refreshed.statusCode, 200)
  const again = await logIn(app, email, { cookie: `${deviceCookie}=${value}` })
  t.equal(cookiesOf(again.response)[deviceCookie]?.value, value)
  t.equal((await refresh(app, tokensOf(refreshed).refresh_token)).statusCode, 401, 'which has one session')

  const broken = await logIn(app, email, { cookie: `${deviceCookie}=%E0%A4%A` })
  t.match(cookiesOf(broken.response)[deviceCookie]?.value, /^[\w-]{22}$/, 'as if it had none')
})

t.test('a native session: the refresh token is in the bodies, and there is no cookie anywhere', async (t) => {
  const app = await build(t)
  const native = { 'x-client': 'native', 'x-device-id': 'a-phone' }
  const first = await signUp(app, native)
  const second = await logIn(app, first.email, { 'x-client': 'native' })
  const third = await refreshNative(app, second.refresh_token)
  const out = await app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: { authorization: `Bearer ${tokensOf(third).refresh_token}` }
  })
  for (const response of [first.response, second.response, third]) {
    t.notOk(response.headers['set-cookie'])
    t.match(response.json(), { refresh_token: /^ey[\w.-]+$/, refresh_expires_in: 604_800 })
  }
  t.equal(out.statusCode, 204)
})

t.test('a browser session: the refresh token is in the cookie, and in no body', async (t) => {
  const app = await build(t)
  for (const headers of [
    {},
    { 'x-client': 'browser' },
    { 'x-client': 'browser', 'x-device-id': 'a-tablet' }
  ]) {
    const first = await signUp(app, headers)
    const second = await refresh(app, first.refresh_token, { 'x-client': 'native' })
    for (const response of [first.response, second]) {
      const { refresh_token } = tokensOf(response)
      t.ok(refresh_token)
      t.notOk(response.body.includes(refresh_token.split('.')[2] ?? ''), 'nor its signature alone')
      t.notOk('refresh_token' in response.json<object>())
      t.notOk('refresh_expires_in' in response.json<object>())
    }
  }
})

t.test(
  'what comes from a browser can not have a native session, whatever a script in it tries',
  async (t) => {
    const app = await build(t, { ALLOWED_ORIGINS: 'https://app.example.com' })
    for (const headers of [
      { origin: 'http://localhost:3000' },
      { origin: 'https://app.example.com' },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-dest': 'empty' },
      { 'sec-fetch-user': '?1' },
      { cookie: 'theme=dark' },
      { cookie: '' }
    ]) {
      const response = await app.inject(signUpBody({ 'x-client': 'native', ...headers }))
      const code = response.json<{ code: string }>().code
      // Sec-Fetch-* without Sec-Fetch-Site or Origin is no browser that we know, and so no cross-site request.
      isProblem(t, response, 'native_not_allowed', `${JSON.stringify(headers)}: ${code}`)
      t.notOk(response.headers['set-cookie'])
    }
    const { rows } = await app.stores.pool.query('SELECT 1 FROM users')
    t.equal(rows.length, 0)
  }
)

t.test('Sec-Fetch-Mode alone is no sign of a browser, as the fetch of Node sends it', async (t) => {
  const app = await build(t)
  const response = await app.inject(signUpBody({ 'x-client': 'native', 'sec-fetch-mode': 'cors' }))
  t.ok(response.json<{ refresh_token?: string }>().refresh_token)
})

t.test('X-Client and X-Device-Id are what they are said to be', async (t) => {
  const app = await build(t)
  const refused = [
    ...['Native', 'browser, native', 'ios', ''].map((client) => ({ 'x-client': client })),
    ...['', ' ', 'a b', 'é', 'x'.repeat(201)].map((id) => ({ 'x-client': 'native', 'x-device-id': id }))
  ]
  for (const headers of refused) {
    isProblem(
      t,
      await app.inject(signUpBody(headers)),
      'invalid_request',
      JSON.stringify(headers).slice(0, 60)
    )
  }
})
