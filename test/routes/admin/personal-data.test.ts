import t from 'tap'
import { administer, signUpAdministrator, type EventBody } from '../../administrator.ts'
import { bearer, build, logIn, password, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t, { TRUST_PROXY: '127.0.0.1' })
const administrator = await signUpAdministrator(app)
const admin = administer(app, administrator.access_token)
const { pool } = app.stores

/** Every row of every table, as text. */
async function dump(): Promise<string> {
  const { rows } = await pool.query<{ dump: string }>(
    `SELECT query_to_xml(format('SELECT to_jsonb(t) FROM %I.%I t', schemaname, tablename), true, false, '')::text AS dump
       FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`
  )
  return rows.map(({ dump }) => dump).join('\n')
}

const from = { 'x-forwarded-for': '203.0.113.77', 'user-agent': 'Netscape of Ada/4.0' }

/** A person who leaves traces everywhere. */
async function somebody() {
  const person = await signUp(app, from)
  const headers = { ...bearer(person.access_token), ...from }
  await app.inject({ method: 'PATCH', url: '/auth/me', headers, payload: { name: 'Augusta King' } })
  const phone = await logIn(app, person.email, {
    ...from,
    'x-client': 'native',
    'x-device-id': 'phone-of-Ada'
  })
  const url = `/auth/sessions/${phone.session_id}`
  await app.inject({ method: 'PATCH', url, headers, payload: { label: 'phone of Augusta' } })
  const ended = await logIn(app, person.email, from)
  await app.inject({ method: 'DELETE', url: `/auth/sessions/${ended.session_id}`, headers })
  await app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: from,
    payload: { email: person.email, password: 'not the password' }
  })
  return { ...person, headers, ended }
}

interface Exported {
  user: { email: string; name: string }
  sessions: { ip: string; label: string | null; revoked_reason: string | null }[]
  known_devices: object[]
  security_events: EventBody[]
}

t.test('a person gets all that is kept of them, and so does an administrator', async (t) => {
  const { user_id, email, headers } = await somebody()
  await admin.patch(`/users/${user_id}`, { email_verified: true })
  const response = await app.inject({ url: '/auth/me/export', headers })
  t.equal(response.statusCode, 200)
  t.match(response.headers, {
    'cache-control': 'no-store',
    'content-disposition': 'attachment; filename="personal-data.json"'
  })
  const data = response.json<Exported>()
  t.match(data, { user: { email, name: 'Augusta King', role: 'user', disabled: null }, exported_at: /Z$/ })
  t.match(data.sessions, [
    { label: null, revoked_reason: null, client: 'browser', device_type: 'unknown', amr: ['pwd'] },
    { label: 'phone of Augusta', revoked_reason: null, client: 'native' },
    { label: null, revoked_reason: 'ended_by_user' }
  ])
  t.ok(data.sessions.every(({ ip }) => ip === from['x-forwarded-for']))
  t.equal(data.known_devices.length, 3)
  t.match(
    data.security_events.map(({ type, ip, actor }) => [type, ip, actor]),
    [
      ...[['signup', from['x-forwarded-for'], null]],
      ...[['account_updated', from['x-forwarded-for'], null]],
      ...[['login_succeeded', from['x-forwarded-for'], null]],
      ...[['login_succeeded', from['x-forwarded-for'], null]],
      ...[['session_revoked', from['x-forwarded-for'], null]],
      ...[['login_failed', from['x-forwarded-for'], null]],
      // Where the administrator sat is not the person's to know.
      ...[['account_updated', null, 'administrator']],
      ...[['personal_data_exported', from['x-forwarded-for'], null]]
    ]
  )
  t.notMatch(response.body, /argon2|_hash|password"|phone-of-Ada/)
  t.notMatch(response.body, administrator.user_id)

  const theirs = (await admin.get(`/users/${user_id}/export`)).json<Exported>()
  t.same(
    { ...theirs, exported_at: '', security_events: [] },
    { ...data, exported_at: '', security_events: [] }
  )
  isProblem(t, await app.inject('/auth/me/export'), 'access_token_missing')
})

t.test('to export needs a recent login', async (t) => {
  const { access_token } = await signUp(app)
  const now = Date.now
  t.teardown(() => (Date.now = now))
  Date.now = () => now() + 12 * 60_000
  const response = await app.inject({ url: '/auth/me/export', headers: bearer(access_token) })
  isProblem(t, response, 'insufficient_user_authentication')
})

t.test('nothing of a person who was deleted is left in any table', async (t) => {
  const person = await somebody()
  // Another node has something yet to be written.
  const other = await build(t, { TRUST_PROXY: '127.0.0.1' }, app.stores)
  await other.inject({
    method: 'POST',
    url: '/auth/login',
    headers: from,
    payload: { email: person.email, password: 'not the password' }
  })
  const traces = [person.email, 'Augusta', 'Netscape of Ada', from['x-forwarded-for']]
  await app.scope.securityEvents.flush()
  const before = await dump()
  for (const trace of traces) t.ok(before.includes(trace), `there before: ${trace}`)
  // The first test's person has the same traces.
  const { users } = (await admin.get('/users?limit=200')).json<{ users: { id: string; name: string }[] }>()
  const people = users.filter(({ name }) => name === 'Augusta King')
  t.equal(people.length, 2)
  await admin.patch(`/users/${person.user_id}`, { disabled: { reason: 'Augusta is asleep' } })
  for (const { id } of people) t.equal((await admin.remove(`/users/${id}`)).statusCode, 204)
  await Promise.all([app, other].map(({ scope }) => scope.securityEvents.flush()))
  await Promise.all([app, other].map(({ scope }) => scope.sessionJournal.flush()))

  const after = await dump()
  for (const trace of traces) t.notOk(after.includes(trace), `gone: ${trace}`)
  const { events } = await admin.events(`user_id=${person.user_id}&limit=200`)
  t.same(
    [...new Set(events.map(({ type }) => type))].sort(),
    [
      ...[
        'account_deleted',
        'account_disabled',
        'account_updated',
        'login_failed',
        'login_succeeded',
        'session_revoked',
        'signup'
      ]
    ],
    'what happened is still known, by the id'
  )
  t.equal(events.filter(({ type }) => type === 'login_failed').length, 2)
  t.equal(events.find(({ type }) => type === 'account_deleted')?.ip, '127.0.0.1', 'that of the administrator')

  const again = await app.inject({
    method: 'POST',
    url: '/auth/signup',
    payload: { email: person.email, password }
  })
  t.equal(again.statusCode, 201, 'the address is free')
})

t.test('of an administrator who was deleted it is not left from where they acted', async (t) => {
  const { user_id, access_token } = await signUpAdministrator(app)
  const person = await signUp(app)
  await app.inject({
    method: 'PATCH',
    url: `/admin/users/${person.user_id}`,
    headers: { ...bearer(access_token), ...from },
    payload: { role: 'editor' }
  })
  const acts = async () =>
    (await admin.events(`actor_id=${user_id}`)).events.map(({ type, ip }) => [type, ip])
  t.same(await acts(), [['role_changed', from['x-forwarded-for']]])
  t.equal((await admin.remove(`/users/${user_id}`)).statusCode, 204)
  t.same(await acts(), [['role_changed', null]])
})
