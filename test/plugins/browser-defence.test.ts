import t from 'tap'
import { build, codeOf, password, refresh, refreshCookie, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'

type Headers = Record<string, string>

const allowed = 'https://app.example.com'

const refused: Headers[] = [
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'none' },
  { 'sec-fetch-site': 'SAME-ORIGIN' },
  { 'sec-fetch-site': 'same-origin, cross-site' },
  { 'sec-fetch-site': '' },
  { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example.com' },
  { 'sec-fetch-site': 'same-site', origin: 'https://evil.example.com' },
  ...[
    'https://evil.example.com',
    'null',
    '',
    '*',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.com',
    'https://app.example.com/',
    'https://APP.example.com',
    'https://evil.com#https://app.example.com',
    'https://app.example.com, https://evil.example.com'
  ].map((origin) => ({ origin }))
]

const accepted: Headers[] = [
  {},
  { 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:3000' },
  // The page is served by a proxy in front, under a name that we do not know: the browser knows better.
  { 'sec-fetch-site': 'same-origin', origin: 'https://behind-a-proxy.example.com' },
  { origin: 'http://localhost:3000' },
  { origin: allowed },
  { 'sec-fetch-site': 'cross-site', origin: allowed },
  { 'sec-fetch-site': 'same-site', origin: allowed }
]

/** Everything that a request could have changed. */
async function stateOf({ stores: { pool, redis, env } }: App) {
  const { rows: users } = await pool.query('SELECT * FROM users ORDER BY id')
  const { rows: sessions } = await pool.query('SELECT * FROM sessions ORDER BY id')
  const keys = (await redis.keys(`${String(env.REDIS_PREFIX)}session:*`)).sort()
  return { users, sessions, entries: await Promise.all(keys.map((key) => redis.hgetall(key))) }
}

t.test('a request from another site is refused, and nothing is changed', async (t) => {
  const app = await build(t, { ALLOWED_ORIGINS: allowed })
  const { email, refresh_token } = await signUp(app)
  const cookie = `${refreshCookie}=${refresh_token}`
  const before = await stateOf(app)
  for (const headers of refused) {
    for (const [path, payload] of Object.entries({
      signup: { email: 'new@example.com', password },
      login: { email, password },
      refresh: {},
      logout: {}
    })) {
      const response = await app.inject({
        method: 'POST',
        url: `/auth/${path}`,
        headers: { ...headers, cookie },
        payload
      })
      isProblem(t, response, 'cross_site_request', `${path} ${JSON.stringify(headers)}`)
      t.notOk(response.headers['set-cookie'])
    }
  }
  t.same(await stateOf(app), before)
  t.equal((await refresh(app, refresh_token)).statusCode, 200)
})

t.test('a form posted from another site is refused before it is read', async (t) => {
  const app = await build(t)
  const response = await app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example.com' },
    payload: 'email=%'
  })
  isProblem(t, response, 'cross_site_request')
})

t.test('our own origin, an allowed one, and what is no browser go on', async (t) => {
  const app = await build(t, { ALLOWED_ORIGINS: `https://other.example.com, ${allowed}` })
  for (const headers of accepted) {
    const { refresh_token } = await signUp(app, headers)
    t.equal((await refresh(app, refresh_token, headers)).statusCode, 200, JSON.stringify(headers))
    const cookie = `${refreshCookie}=${refresh_token}`
    const response = await app.inject({
      method: 'POST',
      url: '/auth/logout',
      headers: { ...headers, cookie }
    })
    t.equal(response.statusCode, 204)
  }
})

t.test(
  'without ALLOWED_ORIGINS only our own origin is allowed, with or without a path before us',
  async (t) => {
    const app = await build(t, { PUBLIC_URL: 'https://id.example.com/accounts/' })
    const { refresh_token } = await signUp(app)
    t.equal((await refresh(app, refresh_token, { origin: 'https://id.example.com' })).statusCode, 200)
    t.equal(codeOf(await refresh(app, refresh_token, { origin: allowed })), 'cross_site_request')
  }
)
