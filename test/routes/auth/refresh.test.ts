import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import {
  bearer,
  build,
  password,
  refresh,
  refreshCookie,
  refreshNative,
  signUp,
  tokensOf
} from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t)
const native = { 'x-client': 'native' }

/** `Set-Cookie` of the refresh token, whole. */
const cookieOf = ({ headers }: LightMyRequestResponse) =>
  [headers['set-cookie'] ?? []].flat().find((line) => line.startsWith(`${refreshCookie}=`))

const cleared = `${refreshCookie}=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict`

t.test('a browser gets a new access token in the body and a new refresh token in the cookie', async (t) => {
  const first = await signUp(app)
  const response = await refresh(app, first.refresh_token)
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.same(Object.keys(response.json()), [
    ...['access_token', 'token_type', 'expires_in', 'session_id', 'user', 'verdict']
  ])
  const second = tokensOf(response)
  t.equal(second.session_id, first.session_id)
  t.not(second.access_token, first.access_token)
  t.notOk(response.body.includes(second.refresh_token))
  t.equal((await app.inject({ url: '/auth/me', headers: bearer(second.access_token) })).statusCode, 200)
})

t.test('a native app gets both in the body, and no cookie', async (t) => {
  const first = await signUp(app, native)
  const response = await refreshNative(app, first.refresh_token)
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.match(response.json(), { refresh_token: /^ey/, refresh_expires_in: 604_800 })
  t.notOk(response.headers['set-cookie'])
  t.not(tokensOf(response).refresh_token, first.refresh_token)
})

t.test('what the user is now is in the new access token', async (t) => {
  const { refresh_token, user_id } = await signUp(app)
  await app.stores.pool.query("UPDATE users SET role = 'admin', email_verified = true WHERE id = $1", [
    user_id
  ])
  const response = await refresh(app, refresh_token)
  t.match(response.json(), { user: { role: 'admin', email_verified: true } })
})

t.test('no token: 401, and what cookie there is goes', async (t) => {
  for (const headers of [
    {},
    { cookie: 'other=1' },
    { cookie: `${refreshCookie}=` },
    { authorization: 'Basic YTpi' }
  ]) {
    const response = await app.inject({ method: 'POST', url: '/auth/refresh', headers })
    isProblem(t, response, 'refresh_token_missing')
    t.equal(cookieOf(response), cleared)
  }
})

t.test('the cookie sent twice: 400, and it is cleared', async (t) => {
  const { refresh_token } = await signUp(app)
  for (const other of [refresh_token, 'forged', '']) {
    const pairs = [`${refreshCookie}=${refresh_token}`, `${refreshCookie}=${other}`]
    for (const cookie of [pairs.join('; '), pairs.reverse().join(';')]) {
      const response = await app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie } })
      isProblem(t, response, 'duplicate_cookie')
      t.equal(cookieOf(response), cleared)
    }
  }
  t.equal((await refresh(app, refresh_token)).statusCode, 200, 'the session is unharmed')
})

t.test('cookie and Authorization at once: 400, and nothing is changed', async (t) => {
  const { refresh_token, access_token } = await signUp(app)
  for (const authorization of [`Bearer ${refresh_token}`, `Bearer ${access_token}`, 'Basic YTpi', '']) {
    const response = await refresh(app, refresh_token, { authorization })
    isProblem(t, response, 'multiple_credentials')
    t.notOk(response.headers['set-cookie'])
  }
  t.equal((await refresh(app, refresh_token)).statusCode, 200)
})

t.test('a session stays with its transport: 401 wrong_transport, and nothing is changed', async (t) => {
  const browser = await signUp(app)
  const phone = await signUp(app, native)
  const entries = () =>
    Promise.all(
      [browser, phone].map(({ session_id }) => app.stores.redis.hgetall(app.stores.key(session_id)))
    )
  const before = await entries()
  for (const response of [
    await refreshNative(app, browser.refresh_token),
    await refresh(app, phone.refresh_token)
  ]) {
    isProblem(t, response, 'wrong_transport')
    t.notOk(response.headers['set-cookie'])
  }
  t.same(await entries(), before)
  t.equal((await refresh(app, browser.refresh_token)).statusCode, 200)
  t.equal((await refreshNative(app, phone.refresh_token)).statusCode, 200)
})

t.test('a session that is over: 401 with its reason, and the cookie goes', async (t) => {
  const { pool, redis } = app.stores
  const ends = {
    session_revoked: (sid: string) =>
      pool.query("UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1", [sid]),
    account_disabled: (sid: string) =>
      pool.query(
        'UPDATE users SET disabled_at = now() WHERE id = (SELECT user_id FROM sessions WHERE id = $1)',
        [sid]
      ),
    session_expired: async (sid: string) => {
      await pool.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [sid])
      await redis.hset(app.stores.key(sid), 'expires_at', Date.now() - 1)
    }
  }
  for (const [code, end] of Object.entries(ends) as [
    keyof typeof ends,
    (sid: string) => Promise<unknown>
  ][]) {
    const { refresh_token, session_id } = await signUp(app)
    await end(session_id)
    for (const attempt of ['first', 'again']) {
      const response = await refresh(app, refresh_token)
      isProblem(t, response, code, `${code} ${attempt}`)
      t.equal(cookieOf(response), cleared)
    }
  }
})

t.test('the account deleted', async (t) => {
  const { refresh_token, user_id } = await signUp(app)
  await app.stores.pool.query('DELETE FROM users WHERE id = $1', [user_id])
  const response = await refresh(app, refresh_token)
  isProblem(t, response, 'session_revoked')
  t.equal(cookieOf(response), cleared)
})

t.test('too often: 429 with Retry-After, and the session goes on', async (t) => {
  const app = await build(t, { REFRESH_RATE: 1 })
  const { refresh_token, session_id } = await signUp(app)
  const second = tokensOf(await refresh(app, refresh_token))
  const response = await refresh(app, second.refresh_token)
  isProblem(t, response, 'too_many_refreshes')
  t.match(response.headers['retry-after'], /^([1-9]|[1-5]\d|60)$/)
  t.notOk(response.headers['set-cookie'])
  await app.stores.redis.hset(app.stores.key(session_id), 'window', `${String(Date.now() - 60_000)} 1`)
  t.equal((await refresh(app, second.refresh_token)).statusCode, 200)
})

t.test('an old token: 401 refresh_token_reused, and the cookie goes', async (t) => {
  const { refresh_token, session_id } = await signUp(app)
  await refresh(app, refresh_token)
  await app.stores.age(session_id, 10_000)
  const response = await refresh(app, refresh_token)
  isProblem(t, response, 'refresh_token_reused')
  t.equal(cookieOf(response), cleared)
})

t.test('an Idempotency-Key has 1 to 255 characters', async (t) => {
  const { refresh_token } = await signUp(app)
  for (const key of ['', 'x'.repeat(256)]) {
    isProblem(t, await refresh(app, refresh_token, { 'idempotency-key': key }), 'invalid_request')
  }
  const { statusCode } = await refresh(app, refresh_token, { 'idempotency-key': 'x'.repeat(255) })
  t.equal(statusCode, 200)
})

t.test('a body is not asked for, and none can carry the token', async (t) => {
  const { refresh_token } = await signUp(app)
  const post = (payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url: '/auth/refresh', payload, headers })
  isProblem(t, await post({ refresh_token, password }), 'refresh_token_missing')
  t.equal((await post({}, { cookie: `${refreshCookie}=${refresh_token}` })).statusCode, 200)
})

t.test('a GET refreshes nothing', async (t) => {
  const { refresh_token } = await signUp(app)
  const response = await app.inject({
    url: '/auth/refresh',
    headers: { cookie: `${refreshCookie}=${refresh_token}` }
  })
  isProblem(t, response, 'not_found')
})
