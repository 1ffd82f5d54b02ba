import t from 'tap'
import { bearer, build, codeOf, logIn, refresh, refreshCookie, refreshNative, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t)

const logOut = (headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/auth/logout', headers })

const logOutEverywhere = (access_token: string) =>
  app.inject({ method: 'POST', url: '/auth/logout/all', headers: bearer(access_token) })

const cleared = `${refreshCookie}=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict`

const me = (access_token: string) => app.inject({ url: '/auth/me', headers: bearer(access_token) })

t.test('by the cookie: the session ends, refresh and access token alike', async (t) => {
  const { refresh_token, access_token, session_id, email } = await signUp(app)
  const other = await logIn(app, email)
  const response = await logOut({ cookie: `${refreshCookie}=${refresh_token}` })
  t.equal(response.statusCode, 204)
  t.equal(response.body, '')
  t.equal(response.headers['set-cookie'], cleared)
  t.equal(await app.stores.redis.exists(app.stores.key(session_id)), 0)
  t.equal(codeOf(await refresh(app, refresh_token)), 'session_revoked')
  isProblem(t, await me(access_token), 'session_revoked')
  t.equal((await me(other.access_token)).statusCode, 200, 'the other session goes on')
  t.equal((await refresh(app, other.refresh_token)).statusCode, 200)
})

t.test('by an access token, or by a refresh token of a native session', async (t) => {
  const native = { 'x-client': 'native' }
  for (const kind of ['access_token', 'refresh_token'] as const) {
    const session = await signUp(app, native)
    t.equal((await logOut(bearer(session[kind]))).statusCode, 204)
    t.equal(codeOf(await refreshNative(app, session.refresh_token)), 'session_revoked')
  }
})

t.test('by both, of two sessions: both end', async (t) => {
  const first = await signUp(app)
  const second = await signUp(app)
  await logOut({ cookie: `${refreshCookie}=${first.refresh_token}`, ...bearer(second.access_token) })
  for (const { refresh_token } of [first, second]) {
    t.equal(codeOf(await refresh(app, refresh_token)), 'session_revoked')
  }
})

t.test('already out, or never in: 204 all the same', async (t) => {
  const { refresh_token } = await signUp(app)
  const cookie = `${refreshCookie}=${refresh_token}`
  const requests = [
    { cookie },
    { cookie },
    {},
    { cookie: `${refreshCookie}=x` },
    { authorization: 'Bearer x' }
  ]
  for (const headers of requests) {
    const response = await logOut(headers)
    t.equal(response.statusCode, 204)
    t.equal(response.headers['set-cookie'], cleared)
  }
})

t.test('a parent ends its session too, and so does a token that has been exchanged long ago', async (t) => {
  const { refresh_token, session_id } = await signUp(app)
  await refresh(app, refresh_token)
  await app.stores.age(session_id, 60_000)
  await logOut({ cookie: `${refreshCookie}=${refresh_token}` })
  const { rows } = await app.stores.pool.query('SELECT revoked_reason FROM sessions WHERE id = $1', [
    session_id
  ])
  t.same(rows, [{ revoked_reason: 'logout' }], 'and that is no theft')
})

t.test('everywhere: every session of the user, and of nobody else', async (t) => {
  const first = await signUp(app)
  const second = await logIn(app, first.email)
  const native = await logIn(app, first.email, { 'x-client': 'native' })
  const stranger = await signUp(app)
  const response = await logOutEverywhere(first.access_token)
  t.equal(response.statusCode, 204)
  t.equal(response.headers['set-cookie'], cleared)
  t.equal(codeOf(await refresh(app, first.refresh_token)), 'session_revoked')
  t.equal(codeOf(await refresh(app, second.refresh_token)), 'session_revoked')
  t.equal(codeOf(await refreshNative(app, native.refresh_token)), 'session_revoked')
  for (const { access_token } of [first, second, native]) {
    t.equal(codeOf(await me(access_token)), 'session_revoked')
  }
  t.equal((await refresh(app, stranger.refresh_token)).statusCode, 200)
})

t.test('everywhere needs an access token of a live session, and a refresh token is none', async (t) => {
  const { access_token, refresh_token, session_id, email } = await signUp(app)
  const other = await logIn(app, email)
  const cookie = `${refreshCookie}=${refresh_token}`
  isProblem(
    t,
    await app.inject({ method: 'POST', url: '/auth/logout/all', headers: { cookie } }),
    'access_token_missing'
  )
  isProblem(t, await logOutEverywhere(refresh_token), 'access_token_invalid')
  // Ended in the record only: no node has heard of it yet.
  await app.stores.pool.query(
    "UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1",
    [session_id]
  )
  isProblem(t, await logOutEverywhere(access_token), 'session_revoked')
  t.equal((await refresh(app, other.refresh_token)).statusCode, 200)
})
