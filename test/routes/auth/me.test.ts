import t from 'tap'
import { bearer, build, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t)

const get = (access_token: string) => app.inject({ url: '/auth/me', headers: bearer(access_token) })

const patch = (access_token: string, payload: object) =>
  app.inject({ method: 'PATCH', url: '/auth/me', headers: bearer(access_token), payload })

t.test('GET tells the user who they are', async (t) => {
  const { access_token, email, user_id } = await signUp(app)
  const response = await get(access_token)
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  const body = response.json<object>()
  t.same(Object.keys(body), ['id', 'email', 'name', 'role', 'email_verified', 'created_at'])
  t.match(body, { id: user_id, email, name: null, role: 'user', email_verified: false })
})

t.test('PATCH changes the name, and null takes it away', async (t) => {
  const { access_token, user_id } = await signUp(app)
  for (const name of ['Ada', 'Zoë 🔑', "Robert'); DROP TABLE users;--", '</script>', null]) {
    const response = await patch(access_token, { name })
    t.equal(response.statusCode, 200)
    t.equal(response.headers['cache-control'], 'no-store')
    t.match(response.json(), { id: user_id, name })
    t.same((await get(access_token)).json(), response.json())
  }
})

t.test('PATCH changes nothing else', async (t) => {
  const { access_token } = await signUp(app)
  const before: unknown = (await get(access_token)).json()
  const bodies = [
    {},
    { name: 'x', role: 'admin' },
    { email: 'other@example.com' },
    { name: '' },
    { name: 1 },
    { name: ['x'] },
    { name: 'x'.repeat(201) },
    { name: 'a\u0000b' },
    { name: 'a\nb' }
  ]
  for (const body of bodies) {
    isProblem(t, await patch(access_token, body), 'invalid_request', JSON.stringify(body).slice(0, 60))
  }
  t.same((await get(access_token)).json(), before)
})

t.test('an account that is gone: 401, for reading and for writing', async (t) => {
  const { access_token, user_id } = await signUp(app)
  await app.stores.pool.query('DELETE FROM users WHERE id = $1', [user_id])
  isProblem(t, await get(access_token), 'session_revoked')
  isProblem(t, await patch(access_token, { name: 'x' }), 'session_revoked')
})

t.test('a disabled account can not be changed any more', async (t) => {
  const { access_token, user_id } = await signUp(app)
  await app.stores.pool.query('UPDATE users SET disabled_at = now() WHERE id = $1', [user_id])
  isProblem(t, await patch(access_token, { name: 'x' }), 'session_revoked')
})

t.test('HEAD answers as GET does, without the body', async (t) => {
  const { access_token } = await signUp(app)
  const response = await app.inject({ method: 'HEAD', url: '/auth/me', headers: bearer(access_token) })
  t.equal(response.statusCode, 200)
  t.equal(response.body, '')
})
