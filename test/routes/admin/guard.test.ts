// Every route under /admin, as the OpenAPI document has them: none can come without its guard.
import t from 'tap'
import { administer, signUpAdministrator } from '../../administrator.ts'
import { bearer, build, codeOf, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t)
const { paths } = (await app.inject('/docs/json')).json<{ paths: Record<string, Record<string, unknown>> }>()
const routes = Object.entries(paths)
  .filter(([path]) => path.startsWith('/admin'))
  .flatMap(([path, operations]) => Object.keys(operations).map((method) => ({ method, path })))
const id = '01890000-0000-7000-8000-000000000000'

const ask = (
  { method, path }: { method: string; path: string },
  headers: Record<string, string> = {},
  payload: object = { role: 'user' }
) => {
  const url = path.replaceAll(/\{\w+\}/g, id)
  const body = method === 'patch' ? { payload } : {}
  return app.inject({ method: method.toUpperCase() as 'GET', url, headers, ...body })
}

t.same(
  routes.map(({ method, path }) => `${method} ${path}`),
  [
    'get /admin/users',
    'get /admin/users/{id}',
    'patch /admin/users/{id}',
    'delete /admin/users/{id}',
    'get /admin/users/{id}/export',
    'get /admin/users/{id}/sessions',
    'delete /admin/users/{id}/sessions',
    'delete /admin/users/{id}/sessions/{session_id}',
    'get /admin/events'
  ]
)

t.test('refused without a token, and to any other role, before the body is looked at', async (t) => {
  const person = await signUp(app)
  for (const route of routes) {
    const name = `${route.method} ${route.path}`
    isProblem(t, await ask(route), 'access_token_missing', name)
    const response = await ask(route, bearer(person.access_token), { nonsense: true })
    isProblem(t, response, 'insufficient_role', name)
    t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey", error="insufficient_scope"')
  }
  for (const role of ['Admin', 'administrator', 'admin2', '']) {
    await app.stores.pool.query('UPDATE users SET role = $2 WHERE id = $1', [person.user_id, role])
    isProblem(t, await administer(app, person.access_token).get('/users'), 'insufficient_role', role)
  }
})

t.test('the role counts that the record has now, not that of the token', async (t) => {
  const first = await signUpAdministrator(app)
  const refreshed = await app.inject({
    method: 'POST',
    url: '/auth/refresh',
    headers: { cookie: `__Host-refresh_token=${first.refresh_token}` }
  })
  const { access_token, user } = refreshed.json<{ access_token: string; user: { role: string } }>()
  t.equal(user.role, 'admin')
  t.equal((await administer(app, access_token).get('/users')).statusCode, 200)
  t.equal((await administer(app, first.access_token).get('/users')).statusCode, 200)

  await app.stores.pool.query("UPDATE users SET role = 'user' WHERE id = $1", [first.user_id])
  for (const route of routes)
    isProblem(t, await ask(route, bearer(access_token)), 'insufficient_role', route.path)
  await app.stores.pool.query("UPDATE users SET role = 'admin', disabled_at = now() WHERE id = $1", [
    first.user_id
  ])
  for (const route of routes)
    isProblem(t, await ask(route, bearer(access_token)), 'session_revoked', route.path)
})

t.test('to change and to export needs a recent login, to read does not', async (t) => {
  const { access_token } = await signUpAdministrator(app)
  const now = Date.now
  t.teardown(() => (Date.now = now))
  // 12 of the 15 minutes that the token lives.
  Date.now = () => now() + 12 * 60_000
  const answers = await Promise.all(routes.map(async (route) => ask(route, bearer(access_token))))
  t.same(
    routes.map(({ method, path }, index) => {
      const response = answers[index]
      if (!response) return []
      return [`${method} ${path}`, response.statusCode === 200 ? 200 : codeOf(response)]
    }),
    [
      ['get /admin/users', 200],
      ['get /admin/users/{id}', 'user_not_found'],
      ['patch /admin/users/{id}', 'insufficient_user_authentication'],
      ['delete /admin/users/{id}', 'insufficient_user_authentication'],
      ['get /admin/users/{id}/export', 'insufficient_user_authentication'],
      ['get /admin/users/{id}/sessions', 'user_not_found'],
      ['delete /admin/users/{id}/sessions', 'insufficient_user_authentication'],
      ['delete /admin/users/{id}/sessions/{session_id}', 'insufficient_user_authentication'],
      ['get /admin/events', 200]
    ]
  )
})

t.test('requireRole alone lets nobody through', async (t) => {
  const { access_token } = await signUpAdministrator(app)
  const hook = app.scope.requireRole('admin')
  const request = { headers: bearer(access_token) } as Parameters<typeof hook>[0]
  await t.rejects(hook(request, {} as Parameters<typeof hook>[1]), { code: 'insufficient_role' })
})
