import t from 'tap'
import { bearer, build, codeOf, logIn, password, refresh, signUp, tokensOf } from '../../helper.ts'
import { decode } from '../../forge.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t, { STEP_UP_MAX_AGE: '10m', LOGIN_ATTEMPTS: 4 })

const reauthenticate = (access_token: string, payload: object) =>
  app.inject({ method: 'POST', url: '/auth/reauthenticate', headers: bearer(access_token), payload })

/** Of somebody whose login is eleven minutes ago. */
async function longLoggedIn(headers: Record<string, string> = {}) {
  const person = await signUp(app, headers)
  await app.stores.pool.query(
    "UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes' WHERE id = $1",
    [person.session_id]
  )
  return { ...person, ...tokensOf(await refresh(app, person.refresh_token)) }
}

const delicate = [
  { method: 'DELETE', url: '/auth/me' },
  { method: 'DELETE', url: '/auth/sessions' },
  {
    method: 'POST',
    url: '/auth/password',
    payload: { current_password: password, new_password: 'x'.repeat(20) }
  }
] as const

t.test('the password gives a token with a new auth_time, of the same session', async (t) => {
  const { access_token, refresh_token, session_id, user_id } = await longLoggedIn()
  const before = decode(access_token).claims
  const response = await reauthenticate(access_token, { password })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.equal(response.headers['set-cookie'], undefined)
  const body = response.json<{ access_token: string; refresh_token?: string }>()
  t.match(body, { token_type: 'Bearer', expires_in: 900, session_id, user: { id: user_id } })
  t.notOk(body.refresh_token)
  const { claims } = decode(body.access_token)
  t.match(claims, { sub: user_id, sid: session_id, amr: ['pwd'] })
  t.ok(Number(claims['auth_time']) - Number(before['auth_time']) >= 660)
  const next = tokensOf(await refresh(app, refresh_token))
  t.equal(
    decode(next.access_token).claims['auth_time'],
    before['auth_time'],
    'and no other token of the session does: somebody else may hold it'
  )
})

t.test('what is delicate needs it (RFC 9470), and nothing has happened without', async (t) => {
  const { access_token, email } = await longLoggedIn()
  const other = await logIn(app, email)
  const requests = [...delicate, { method: 'DELETE', url: `/auth/sessions/${other.session_id}` } as const]
  for (const request of requests) {
    const refused = await app.inject({ ...request, headers: bearer(access_token) })
    isProblem(t, refused, 'insufficient_user_authentication', `${request.method} ${request.url}`)
    t.equal(
      refused.headers['www-authenticate'],
      'Bearer realm="latchkey", error="insufficient_user_authentication", max_age="600"'
    )
  }
  t.equal((await refresh(app, other.refresh_token)).statusCode, 200)
  const { access_token: recent } = (await reauthenticate(access_token, { password })).json<{
    access_token: string
  }>()
  const done = await app.inject({
    method: 'DELETE',
    url: `/auth/sessions/${other.session_id}`,
    headers: bearer(recent)
  })
  t.equal(done.statusCode, 204)
})

t.test('one may always end the own session', async (t) => {
  const { access_token, session_id } = await longLoggedIn()
  const response = await app.inject({
    method: 'DELETE',
    url: `/auth/sessions/${session_id}`,
    headers: bearer(access_token)
  })
  t.equal(response.statusCode, 204)
})

t.test('a wrong password gives nothing, and after some the right one waits too', async (t) => {
  const { access_token } = await longLoggedIn()
  for (let attempt = 0; attempt < 4; attempt += 1)
    isProblem(t, await reauthenticate(access_token, { password: 'wrong' }), 'invalid_credentials')
  isProblem(t, await reauthenticate(access_token, { password }), 'too_many_attempts')
  const { access_token: elsewhere } = await longLoggedIn()
  t.equal((await reauthenticate(elsewhere, { password })).statusCode, 200, 'others are not kept waiting')
})

t.test('no token, a session that has ended, an account that is gone', async (t) => {
  isProblem(
    t,
    await app.inject({ method: 'POST', url: '/auth/reauthenticate', payload: { password } }),
    'access_token_missing'
  )
  const ended = await signUp(app)
  await app.inject({ method: 'POST', url: '/auth/logout/all', headers: bearer(ended.access_token) })
  t.equal(codeOf(await reauthenticate(ended.access_token, { password })), 'session_revoked')
  const gone = await signUp(app)
  await app.stores.pool.query('DELETE FROM users WHERE id = $1', [gone.user_id])
  t.equal(codeOf(await reauthenticate(gone.access_token, { password })), 'session_revoked')
})
