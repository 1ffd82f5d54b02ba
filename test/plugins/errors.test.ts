import t from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { bearer, build, password, refresh, refreshCookie, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'

/** Requests that ask Postgres, each by what it needs. */
const requests = ({ access_token, refresh_token, session_id, email }: Awaited<ReturnType<typeof signUp>>) => {
  const headers = bearer(access_token)
  const credentials = { email, password }
  return [
    { method: 'POST', url: '/auth/signup', payload: { ...credentials, email: 'new@example.com' } },
    { method: 'POST', url: '/auth/login', payload: credentials },
    { method: 'POST', url: '/auth/refresh', headers: { cookie: `${refreshCookie}=${refresh_token}` } },
    { method: 'POST', url: '/auth/logout', headers: { cookie: `${refreshCookie}=${refresh_token}` } },
    { method: 'POST', url: '/auth/logout/all', headers },
    { method: 'GET', url: '/auth/me', headers },
    { method: 'PATCH', url: '/auth/me', headers, payload: { name: 'x' } },
    { method: 'GET', url: '/auth/sessions', headers },
    { method: 'PATCH', url: `/auth/sessions/${session_id}`, headers, payload: { label: 'x' } },
    { method: 'DELETE', url: `/auth/sessions/${session_id}`, headers },
    { method: 'DELETE', url: '/auth/sessions', headers }
  ] as const
}

/** What only the inside of the server could have said. */
const internals =
  /relation|does not exist|select|update |insert|password_hash|sessions\b(?!,)|postgres|redis|ECONN|pg_|node_modules|\.[jt]s\b|:\d+:\d+|stack|"cause"/i

const renameSchema = async ({ stores: { pool } }: App, from: string, to: string) => {
  await pool.query(`ALTER SCHEMA ${from} RENAME TO ${to}`)
}

t.test('a fault of ours: 500 internal_error, and nothing of the inside', async (t) => {
  const app = await build(t)
  const person = await signUp(app)
  await renameSchema(app, 'public', 'gone')
  for (const request of requests(person)) {
    const response = await app.inject(request)
    isProblem(t, response, 'internal_error', `${request.method} ${request.url}`)
    t.notMatch(response.body, internals)
    t.notOk(response.headers['set-cookie'], 'and the session is kept')
  }
  await renameSchema(app, 'gone', 'public')
  t.equal((await refresh(app, person.refresh_token)).statusCode, 200)
})

t.test('a script of Redis that fails: the same', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  const { redis } = app.stores
  const key = app.stores.key(session_id)
  const expires_at = String(await redis.hget(key, 'expires_at'))
  await redis.hset(key, 'expires_at', 'never')
  const response = await refresh(app, refresh_token)
  isProblem(t, response, 'internal_error')
  t.notMatch(response.body, internals)
  t.notMatch(response.body, /lua|script|compare|nil/i)
  t.notOk(response.headers['set-cookie'])
  await redis.hset(key, 'expires_at', expires_at)
  t.equal((await refresh(app, refresh_token)).statusCode, 200)
})

t.test('a store that is away: 503 with Retry-After, and the session is kept', async (t) => {
  const { app, proxies } = await buildBehindProxies(t)
  const person = await signUp(app)
  await proxies.postgres.cut()
  for (const request of requests(person)) {
    const response = await app.inject(request)
    isProblem(t, response, 'temporarily_unavailable', `${request.method} ${request.url}`)
    t.equal(response.headers['retry-after'], '1')
    t.notMatch(response.body, internals)
    t.notOk(response.headers['set-cookie'])
  }
  await proxies.postgres.restore()
  await proxies.redis.cut()
  const [signup, login, refreshing] = requests(person)
  for (const request of [signup, login, refreshing]) {
    const response = await app.inject(request)
    isProblem(t, response, 'temporarily_unavailable', `without Redis: ${request.url}`)
    t.equal(response.headers['retry-after'], '1')
    t.notMatch(response.body, internals)
    t.notOk(response.headers['set-cookie'])
  }
})

t.test('what is not there: 404 not_found, whatever the method', async (t) => {
  const app = await build(t)
  for (const [method, url] of [
    ['GET', '/'],
    ['GET', '/auth'],
    ['GET', '/auth/login'],
    ['PUT', '/auth/me'],
    ['DELETE', '/auth/signup'],
    ['POST', '/auth/reset'],
    ['POST', '/docs/json'],
    ['PATCH', '/nowhere']
  ] as const) {
    isProblem(
      t,
      await app.inject({ method, url, headers: { origin: 'https://evil.example.com' } }),
      'not_found',
      url
    )
  }
})

t.test('each answer has a request id of its own, and a client can not choose it', async (t) => {
  const app = await build(t)
  const id = 'my-own-id'
  const get = () => app.inject({ url: '/nowhere', headers: { 'request-id': id, 'x-request-id': id } })
  const ids = (await Promise.all([get(), get()])).map(
    (response) => isProblem(t, response, 'not_found').request_id
  )
  t.equal(new Set([...ids, id]).size, 3)
})

t.test('`type` is a page of this server', async (t) => {
  const app = await build(t, { PUBLIC_URL: 'https://id.example.com/accounts/' })
  const { type } = isProblem(t, await app.inject('/nowhere'), 'not_found')
  t.equal(type, 'https://id.example.com/accounts/docs#not_found')
})
