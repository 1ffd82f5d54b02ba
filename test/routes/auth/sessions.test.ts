import t from 'tap'
import { bearer, build, codeOf, logIn, refresh, refreshNative, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t)

interface SessionBody {
  id: string
  current: boolean
  label: string | null
}

const list = async (access_token: string) => {
  const response = await app.inject({ url: '/auth/sessions', headers: bearer(access_token) })
  return response.json<{ sessions: SessionBody[] }>().sessions
}

const rename = (access_token: string, id: string, payload: object) =>
  app.inject({ method: 'PATCH', url: `/auth/sessions/${id}`, headers: bearer(access_token), payload })

const end = (access_token: string, id = '') =>
  app.inject({ method: 'DELETE', url: `/auth/sessions${id && `/${id}`}`, headers: bearer(access_token) })

const unknownId = '01890000-0000-7000-8000-000000000000'

t.test('the list has every live session of the user, the last used first', async (t) => {
  const first = await signUp(app, { 'user-agent': 'Ada/1.0' })
  const native = await logIn(app, first.email, { 'x-client': 'native' })
  const ended = await logIn(app, first.email)
  await end(first.access_token, ended.session_id)
  await signUp(app)
  const response = await app.inject({ url: '/auth/sessions', headers: bearer(first.access_token) })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  const { sessions } = response.json<{ sessions: SessionBody[] }>()
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
  const times = { created_at: time, last_used_at: time, expires_at: time }
  t.match(sessions, [
    { id: native.session_id, client: 'native', current: false, ...times },
    {
      id: first.session_id,
      client: 'browser',
      user_agent: 'Ada/1.0',
      ip: '127.0.0.1',
      current: true,
      ...times
    }
  ])
  t.equal(sessions.length, 2)
  t.same(Object.keys(sessions[0] ?? {}), [
    ...['id', 'client', 'label', 'user_agent', 'ip', 'created_at', 'last_used_at', 'expires_at', 'current']
  ])
})

t.test('a session that nobody has refreshed in time is not in the list', async (t) => {
  const first = await signUp(app)
  const idle = await logIn(app, first.email)
  await app.stores.pool.query('UPDATE sessions SET refresh_expires_at = now() WHERE id = $1', [
    idle.session_id
  ])
  t.same(
    (await list(first.access_token)).map(({ id }) => id),
    [first.session_id]
  )
  isProblem(t, await rename(first.access_token, idle.session_id, { label: 'x' }), 'session_not_found')
})

t.test('a session gets a label, and loses it', async (t) => {
  const { access_token, session_id, email } = await signUp(app)
  const other = await logIn(app, email)
  for (const label of ['my laptop', 'Zoë’s 📱', null]) {
    const response = await rename(access_token, other.session_id, { label })
    t.equal(response.statusCode, 200)
    t.equal(response.headers['cache-control'], 'no-store')
    t.match(response.json(), { id: other.session_id, label, current: false })
    const labels = (await list(access_token)).map(({ id, label }) => [id, label])
    t.same(new Map(labels as [string, string][]).get(other.session_id), label)
  }
  t.match((await rename(access_token, session_id, { label: 'this one' })).json(), { current: true })
})

t.test('a label has 1 to 100 characters, and nothing else of a session can be set', async (t) => {
  const { access_token, session_id } = await signUp(app)
  const bodies = [
    {},
    { label: '' },
    { label: 'x'.repeat(101) },
    { label: 1 },
    { label: 'a\u0007' },
    { label: 'x', current: false },
    { label: 'x', expires_at: '2099-01-01T00:00:00Z' }
  ]
  for (const body of bodies) {
    isProblem(
      t,
      await rename(access_token, session_id, body),
      'invalid_request',
      JSON.stringify(body).slice(0, 60)
    )
  }
})

t.test('ending one session ends it at once, and no other', async (t) => {
  const { access_token, refresh_token, email } = await signUp(app)
  const other = await logIn(app, email)
  const response = await end(access_token, other.session_id)
  t.equal(response.statusCode, 204)
  t.equal(response.body, '')
  t.equal(codeOf(await refresh(app, other.refresh_token)), 'session_revoked')
  t.equal(
    codeOf(await app.inject({ url: '/auth/me', headers: bearer(other.access_token) })),
    'session_revoked'
  )
  isProblem(t, await end(access_token, other.session_id), 'session_not_found')
  t.equal((await refresh(app, refresh_token)).statusCode, 200)
})

t.test('the session that asks can be ended too', async (t) => {
  const { access_token, session_id } = await signUp(app)
  t.equal((await end(access_token, session_id)).statusCode, 204)
  isProblem(t, await end(access_token, session_id), 'session_revoked')
})

t.test('ending the others leaves the one that asks', async (t) => {
  const first = await signUp(app)
  const second = await logIn(app, first.email)
  const native = await logIn(app, first.email, { 'x-client': 'native' })
  const stranger = await signUp(app)
  t.equal((await end(second.access_token)).statusCode, 204)
  t.equal((await end(second.access_token)).statusCode, 204, 'also where there are none')
  t.equal(codeOf(await refresh(app, first.refresh_token)), 'session_revoked')
  t.equal(codeOf(await refreshNative(app, native.refresh_token)), 'session_revoked')
  t.equal((await refresh(app, second.refresh_token)).statusCode, 200)
  t.equal((await refresh(app, stranger.refresh_token)).statusCode, 200)
})

t.test("another user's session can not be told from one that never was", async (t) => {
  const { access_token } = await signUp(app)
  const stranger = await signUp(app)
  for (const id of [stranger.session_id, unknownId]) {
    const renamed = await rename(access_token, id, { label: 'mine' })
    const ended = await end(access_token, id)
    for (const response of [renamed, ended]) isProblem(t, response, 'session_not_found')
  }
  t.equal((await refresh(app, stranger.refresh_token)).statusCode, 200)
  t.equal((await list(stranger.access_token))[0]?.label, null)
})

t.test('an id is a UUID', async (t) => {
  const { access_token } = await signUp(app)
  for (const id of ['1', 'null', '%00', `${unknownId}%00`, `${unknownId}0`, "'", '..%2fme', '__proto__']) {
    isProblem(t, await end(access_token, id), 'invalid_request', id)
    isProblem(t, await rename(access_token, id, { label: 'x' }), 'invalid_request', id)
  }
})
