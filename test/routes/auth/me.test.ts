import t from 'tap'
import { digest } from '../../../lib/digest.ts'
import type { TokenAnswer, User } from '../../../schemas/tokens.ts'
import { bearer, build, logIn, password, refresh, refreshCookie, signUp, tokensOf } from '../../helper.ts'
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

t.test('since when the account is there reads the same everywhere, to the millisecond', async (t) => {
  const { access_token, refresh_token, email, user_id } = await signUp(app)
  await app.stores.pool.query(`UPDATE users SET created_at = '2024-05-06T07:08:09.678912Z' WHERE id = $1`, [
    user_id
  ])
  const answers = {
    me: (await get(access_token)).json<User>(),
    changed: (await patch(access_token, { name: 'Ada' })).json<User>(),
    refreshed: (await refresh(app, refresh_token)).json<TokenAnswer>().user,
    logged_in: (await logIn(app, email)).response.json<TokenAnswer>().user
  }
  for (const [name, { created_at }] of Object.entries(answers))
    t.equal(created_at, '2024-05-06T07:08:09.678Z', name)
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

t.test('DELETE: the account is gone, with all that told of the person, on every node', async (t) => {
  const other = await build(t, {}, app.stores)
  const name = 'Ada, Countess of Lovelace'
  const { email, access_token, refresh_token, user_id } = await signUp(app, {
    'user-agent': 'an unusual browser',
    'x-device-id': 'an-unusual-device'
  })
  await patch(access_token, { name })
  const elsewhere = await logIn(app, email)
  const response = await app.inject({ method: 'DELETE', url: '/auth/me', headers: bearer(access_token) })
  t.equal(response.statusCode, 204)
  t.match(response.cookies, [{ name: refreshCookie, value: '' }])

  for (const node of [app, other])
    for (const token of [refresh_token, elsewhere.refresh_token])
      isProblem(t, await refresh(node, token), 'session_revoked')
  isProblem(t, await get(elsewhere.access_token), 'session_revoked')
  isProblem(
    t,
    await app.inject({ method: 'POST', url: '/auth/login', payload: { email, password } }),
    'invalid_credentials'
  )
  const { pool } = app.stores
  for (const table of ['users', 'sessions', 'known_devices']) {
    const { rows } = await pool.query<{ row: string }>(`SELECT t::text AS row FROM ${table} AS t`)
    for (const trace of [email, name, 'unusual', digest('an-unusual-device')])
      t.notMatch(rows.map(({ row }) => row).join(), trace, `${table} does not hold ${trace}`)
  }
  const { rows } = await pool.query('SELECT DISTINCT revoked_reason FROM sessions WHERE user_id = $1', [
    user_id
  ])
  t.same(
    rows,
    [{ revoked_reason: 'account_deleted' }],
    'other nodes hear of it from here, where Redis was away'
  )

  const again = await app.inject({ method: 'POST', url: '/auth/signup', payload: { email, password } })
  t.equal(again.statusCode, 201, 'the address is free')
  t.not(tokensOf(again).user_id, user_id)
})
