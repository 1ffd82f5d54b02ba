import t from 'tap'
import { administer, signUpAdministrator, type AdministeredBody } from '../../administrator.ts'
import { bearer, build, codeOf, logIn, password, refresh, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'
import { until } from '../../stores/until.ts'

const app = await build(t)
const other = await build(t, {}, app.stores)
const administrator = await signUpAdministrator(app)
const admin = administer(app, administrator.access_token)
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString()

const pageOf = async (query: string) => {
  const response = await admin.get(`/users?${query}`)
  t.equal(response.statusCode, 200, query)
  t.equal(response.headers['cache-control'], 'no-store')
  return response.json<{ users: AdministeredBody[]; next_cursor: string | null }>()
}

t.test('a user, with what administrators see, and nothing of the password', async (t) => {
  const { user_id, email } = await signUp(app)
  const response = await admin.get(`/users/${user_id}`)
  t.equal(response.headers['cache-control'], 'no-store')
  const user = response.json<object>()
  t.match(user, { id: user_id, email, name: null, role: 'user', email_verified: false, disabled: null })
  t.same(Object.keys(user), ['id', 'email', 'name', 'role', 'email_verified', 'created_at', 'disabled'])
  const unknown = '01890000-0000-7000-8000-000000000000'
  isProblem(t, await admin.get(`/users/${unknown}`), 'user_not_found')
  isProblem(t, await admin.patch(`/users/${unknown}`, { name: 'x' }), 'user_not_found')
  isProblem(t, await admin.patch(`/users/${unknown}`, { disabled: {} }), 'user_not_found')
  isProblem(t, await admin.remove(`/users/${unknown}`), 'user_not_found')
  isProblem(t, await admin.get('/users/1'), 'invalid_request')
})

t.test('search is by what the address or the name begins with', async (t) => {
  const make = (email: string, name: string | null) =>
    app.stores.pool.query(
      "INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), $1, $2, 'x')",
      [email, name]
    )
  await make('zoe.mueller@example.org', 'Zoë Müller')
  await make('zoeXmueller@example.org'.toLowerCase(), 'Zoltan_100%')
  await make('zed@example.org', null)
  const found = async (search: string, more = '') =>
    (await pageOf(`search=${encodeURIComponent(search)}${more}`)).users.map(({ email }) => email).sort()
  t.same(await found('zo'), ['zoe.mueller@example.org', 'zoexmueller@example.org'])
  t.same(await found('ZOE.'), ['zoe.mueller@example.org'], 'in either case, and a dot is a dot')
  t.same(await found('zoë mü'), ['zoe.mueller@example.org'], 'by name')
  t.same(await found('zoltan_100%'), ['zoexmueller@example.org'], '% and _ are letters')
  t.same(await found('z_'), [])
  t.same(await found('%'), [])
  t.same(await found('\\'), [])
  t.same(await found('mueller'), [], 'not from the middle')
  t.same(await found('z', '&role=admin'), [])
  t.same((await found('z', '&disabled=false')).length, 3)
  t.same(await found('z', '&disabled=true'), [])
})

t.test('filters by role and by ban; a ban that is over is none', async (t) => {
  const [banned, over, editor] = [await signUp(app), await signUp(app), await signUp(app)]
  await admin.patch(`/users/${banned.user_id}`, { disabled: { reason: 'spam' } })
  await admin.patch(`/users/${over.user_id}`, { disabled: { until: tomorrow() } })
  await app.stores.pool.query("UPDATE users SET disabled_until = now() - interval '1 s' WHERE id = $1", [
    over.user_id
  ])
  await admin.patch(`/users/${editor.user_id}`, { role: 'editor' })
  const ids = async (query: string) => (await pageOf(query)).users.map(({ id }) => id)
  t.same(await ids('disabled=true'), [banned.user_id])
  t.ok((await ids('disabled=false&limit=200')).includes(over.user_id))
  t.notOk((await ids('disabled=false&limit=200')).includes(banned.user_id))
  t.same(await ids('role=editor'), [editor.user_id])
  t.same(await ids('role=admin'), [administrator.user_id])
})

t.test('whoever is there all the while is on exactly one page, whoever comes and goes', async (t) => {
  const insert = (count: number) =>
    app.stores.pool.query(
      // Many of one moment, as an import writes them.
      `INSERT INTO users (id, email, password_hash, role, created_at)
       SELECT gen_random_uuid(), gen_random_uuid() || '@example.net', 'x', 'paged', now() - interval '1 h' * (n % 3)
         FROM generate_series(1, $1) AS n`,
      [count]
    )
  await insert(25)
  const { rows } = await app.stores.pool.query<{ id: string }>(
    "SELECT id FROM users WHERE role = 'paged' ORDER BY created_at DESC, id DESC"
  )
  const there = rows.map(({ id }) => id)
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page = await pageOf(`role=paged&limit=4${cursor && `&cursor=${cursor}`}`)
    t.ok(page.users.length <= 4)
    seen.push(...page.users.map(({ id }) => id))
    cursor = page.next_cursor
    await insert(3)
    // The last of the page goes, on which the cursor stands.
    const last = page.users.at(-1)?.id
    await app.stores.pool.query('DELETE FROM users WHERE id = $1', [last])
  }
  t.equal(new Set(seen).size, seen.length, 'nobody twice')
  t.same(
    seen.filter((id) => there.includes(id)),
    there,
    'nobody missed, in order'
  )
})

t.test('what is no query of this list is refused', async (t) => {
  const { next_cursor } = await admin.events('limit=1')
  const ours = Buffer.from('1764000000000000 01890000-0000-7000-8000-000000000000').toString('base64url')
  t.equal((await admin.get(`/users?cursor=${ours}`)).statusCode, 200)
  for (const query of [
    ...['limit=0', 'limit=201', 'limit=-1', 'limit=1e2', 'limit=', 'offset=1', 'disabled=maybe', 'disabled='],
    ...[
      'search=',
      'search=%00',
      'role=Admin',
      'role=admin&role=user',
      'cursor=',
      'cursor=x',
      `cursor=${ours}=`
    ],
    ...[`cursor=${ours}A`, `cursor=${String(next_cursor)}`, `cursor=${'x'.repeat(201)}`],
    `cursor=${Buffer.from("1' 01890000-0000-7000-8000-000000000000").toString('base64url')}`,
    `cursor=${Buffer.from('99999999999999999999 01890000-0000-7000-8000-000000000000').toString('base64url')}`
  ])
    isProblem(t, await admin.get(`/users?${query}`), 'invalid_request', query)
})

t.test('PATCH changes what is named, and the role is in the next token', async (t) => {
  const person = await signUp(app)
  const path = `/users/${person.user_id}`
  const changed = await admin.patch(path, { name: 'Ada', role: 'editor', email_verified: true })
  t.equal(changed.statusCode, 200)
  t.match(changed.json(), { name: 'Ada', role: 'editor', email_verified: true, disabled: null })
  t.same((await admin.patch(path, { name: null })).json(), { ...changed.json<object>(), name: null })
  t.match((await refresh(app, person.refresh_token)).json(), {
    user: { role: 'editor', email_verified: true, name: null }
  })
  for (const body of [
    ...[
      {},
      { role: 'Admin' },
      { role: '' },
      { role: null },
      { email: 'x@example.com' },
      { email_verified: 1 }
    ],
    ...[{ name: '' }, { disabled: true }, { disabled: { until: 'soon' } }, { disabled: { reason: '' } }],
    ...[
      { disabled: { until: new Date().toISOString() } },
      { disabled: { at: tomorrow() } },
      { password: 'x' }
    ]
  ])
    isProblem(t, await admin.patch(path, body), 'invalid_request', JSON.stringify(body))
})

t.test('a ban ends every session on every node; until it is over, or lifted', async (t) => {
  const person = await signUp(app)
  const path = `/users/${person.user_id}`
  const end = tomorrow()
  const banned = await admin.patch(path, { disabled: { reason: 'sends spam', until: end } })
  t.match(banned.json(), { disabled: { reason: 'sends spam', until: end, at: /Z$/ } })
  for (const node of [app, other]) {
    await until('the node to refuse its access token', async () => {
      const me = await node.inject({ url: '/auth/me', headers: bearer(person.access_token) })
      return me.statusCode === 401 && codeOf(me) === 'session_revoked'
    })
    t.equal(codeOf(await refresh(node, person.refresh_token)), 'account_disabled')
  }
  const login = (given: string) =>
    app.inject({ method: 'POST', url: '/auth/login', payload: { email: person.email, password: given } })
  isProblem(t, await login('not the password'), 'invalid_credentials')
  const { detail } = isProblem(t, await login(password), 'account_disabled')
  t.equal(detail, `This account is disabled until ${end}.`)

  t.match(
    (await admin.patch(path, { name: 'still' })).json(),
    banned.json<{ disabled: object }>().disabled && {
      disabled: banned.json<{ disabled: object }>().disabled
    }
  )
  const longer = (await admin.patch(path, { disabled: {} })).json<AdministeredBody>()
  t.match(longer.disabled, { until: null, reason: null })
  t.equal(longer.disabled?.at, banned.json<AdministeredBody>().disabled?.at, 'it is the same ban')
  t.equal(isProblem(t, await login(password), 'account_disabled').detail, 'This account is disabled.')

  await app.stores.pool.query("UPDATE users SET disabled_until = now() - interval '1 s' WHERE id = $1", [
    person.user_id
  ])
  t.equal((await login(password)).statusCode, 200, 'over by itself')
  t.equal(codeOf(await refresh(app, person.refresh_token)), 'session_revoked', 'what has ended stays so')
  t.match((await admin.get(path)).json(), { disabled: null })

  await admin.patch(path, { disabled: {} })
  t.equal((await login(password)).statusCode, 401)
  t.match((await admin.patch(path, { disabled: null })).json(), { disabled: null })
  t.equal((await login(password)).statusCode, 200, 'lifted')
})

t.test('an administrator does none of it to the own account', async (t) => {
  const path = `/users/${administrator.user_id}`
  isProblem(t, await admin.patch(path, { role: 'user' }), 'own_account')
  isProblem(t, await admin.patch(path, { disabled: {} }), 'own_account')
  isProblem(t, await admin.patch(path, { name: 'x', role: 'user' }), 'own_account')
  isProblem(t, await admin.remove(path), 'own_account')
  t.match((await admin.patch(path, { name: 'Root', role: 'admin' })).json(), { name: 'Root', role: 'admin' })
  t.ok(await logIn(app, administrator.email))
})

t.test('the sessions of a user: listed, ended one by one or all', async (t) => {
  const person = await signUp(app)
  const path = `/users/${person.user_id}/sessions`
  const [one, two] = [await logIn(app, person.email), await logIn(app, person.email)]
  const listed = await admin.get(path)
  t.equal(listed.headers['cache-control'], 'no-store')
  const { sessions } = listed.json<{ sessions: { id: string }[] }>()
  t.same(sessions.map(({ id }) => id).sort(), [person, one, two].map(({ session_id }) => session_id).sort())
  t.notOk('current' in (sessions[0] ?? {}))
  t.equal((await admin.remove(`${path}/${one.session_id}`)).statusCode, 204)
  isProblem(t, await admin.remove(`${path}/${one.session_id}`), 'session_not_found')
  isProblem(t, await admin.remove(`${path}/${administrator.session_id}`), 'session_not_found', 'of another')
  t.equal(codeOf(await refresh(app, one.refresh_token)), 'session_revoked')
  t.equal((await refresh(app, two.refresh_token)).statusCode, 200)
  t.equal((await admin.remove(path)).statusCode, 204)
  t.equal(codeOf(await refresh(app, two.refresh_token)), 'session_revoked')
  const { rows } = await app.stores.pool.query<{ revoked_reason: string }>(
    'SELECT DISTINCT revoked_reason FROM sessions WHERE user_id = $1',
    [person.user_id]
  )
  t.same(rows, [{ revoked_reason: 'ended_by_administrator' }])
  const unknown = '/users/01890000-0000-7000-8000-000000000000/sessions'
  isProblem(t, await admin.get(unknown), 'user_not_found')
  isProblem(t, await admin.remove(unknown), 'user_not_found')
})
