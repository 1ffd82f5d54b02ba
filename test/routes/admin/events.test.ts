import t from 'tap'
import { administer, signUpAdministrator, type EventBody } from '../../administrator.ts'
import { build, logIn, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t, { TRUST_PROXY: '127.0.0.1' })
const other = await build(t, {}, app.stores)
const administrator = await signUpAdministrator(app)
const admin = administer(app, administrator.access_token)
const { pool } = app.stores

t.test('who did what to whom, and from where', async (t) => {
  const person = await signUp(app)
  const path = `/users/${person.user_id}`
  const until = new Date(Date.now() + 86_400_000).toISOString()
  await admin.patch(path, { role: 'editor', name: 'Ada' })
  await admin.patch(path, { role: 'editor', name: 'Ada' })
  await admin.patch(path, { disabled: { reason: 'ada@example.com sends spam', until } })
  await admin.patch(path, { disabled: null })
  await logIn(app, person.email)
  await admin.remove(`${path}/sessions`)
  await admin.get(`${path}/export`)
  await admin.remove(path)

  const { events } = await admin.events(`user_id=${person.user_id}`)
  const by = { actor: 'administrator', actor_id: administrator.user_id, ip: '127.0.0.1' }
  const own = { actor: null, actor_id: null, ip: null, user_agent: null }
  const expected = [
    { type: 'signup', ...own },
    { type: 'account_updated', details: { fields: ['name'] }, ...by },
    { type: 'role_changed', details: { from: 'user', to: 'editor' }, ...by },
    { type: 'account_disabled', details: { disabled_until: until }, ...by },
    { type: 'session_revoked', reason: 'account_disabled', session_id: person.session_id, ...by },
    { type: 'account_enabled', details: null, ...by },
    { type: 'login_succeeded', ...own },
    { type: 'session_revoked', reason: 'ended_by_administrator', ...by },
    { type: 'personal_data_exported', ...by },
    { type: 'account_deleted', ...by }
  ]
  t.match(events.toReversed(), expected)
  t.equal(events.length, expected.length, 'what changes nothing is no event')
  // As a word: the hexadecimal of an identifier may hold the letters.
  t.notMatch(JSON.stringify(events), /\bada\b|spam|person-/i, 'nothing of the person, and no reason')
  t.same(Object.keys(events[0] ?? {}), [
    ...['id', 'type', 'user_id', 'session_id', 'actor', 'actor_id', 'reason', 'details'],
    ...['ip', 'user_agent', 'created_at']
  ])
})

t.test('a change and its event are one: where there can be no event, nothing is changed', async (t) => {
  const person = await signUp(app)
  await pool.query(
    "ALTER TABLE security_events ADD CONSTRAINT no_room CHECK (type <> 'role_changed') NOT VALID"
  )
  t.equal((await admin.patch(`/users/${person.user_id}`, { role: 'editor' })).statusCode, 500)
  t.match((await admin.get(`/users/${person.user_id}`)).json(), { role: 'user' })
  await pool.query('ALTER TABLE security_events DROP CONSTRAINT no_room')
  t.equal((await admin.patch(`/users/${person.user_id}`, { role: 'editor' })).statusCode, 200)
})

t.test('by user, type, actor and time; the newest first, each once', async (t) => {
  const person = await signUp(other)
  for (let round = 0; round < 6; round += 1) await logIn(other, person.email)
  await other.scope.securityEvents.flush()
  const between = new Date()
  // Ids are times to the ms.
  await pool.query('SELECT pg_sleep(0.002)')
  await admin.patch(`/users/${person.user_id}`, { email_verified: true })

  const seen: EventBody[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page = await admin.events(`user_id=${person.user_id}&limit=3${cursor && `&cursor=${cursor}`}`)
    seen.push(...page.events)
    cursor = page.next_cursor
    // What happens meanwhile is newer than the first page.
    await logIn(app, person.email)
  }
  t.same(
    seen.map(({ type }) => type),
    ['account_updated', ...Array.from({ length: 6 }, () => 'login_succeeded'), 'signup']
  )
  t.same(
    seen.map(({ id }) => id),
    seen
      .map(({ id }) => id)
      .sort()
      .reverse()
  )

  const types = async (query: string) => (await admin.events(query)).events.map(({ type }) => type)
  t.same(await types(`user_id=${person.user_id}&type=signup`), ['signup'])
  t.same(await types('type=nothing_like_it'), [])
  const since = between.toISOString()
  const after = await types(`user_id=${person.user_id}&since=${since}`)
  t.same(
    after.filter((type) => type !== 'login_succeeded'),
    ['account_updated']
  )
  t.same(
    new Set(await types(`actor_id=${administrator.user_id}&since=${since}`)),
    new Set(['account_updated'])
  )
  t.same(await types('since=2999-01-01T00:00:00Z'), [])
})

t.test('what is no query of the log is refused', async (t) => {
  const ofUsers = Buffer.from('1764000000000000 01890000-0000-7000-8000-000000000000').toString('base64url')
  for (const query of [
    'user_id=1',
    'since=yesterday',
    'type=%27',
    'cursor=x',
    `cursor=${ofUsers}`,
    'sort=ip'
  ])
    isProblem(t, await admin.get(`/events?${query}`), 'invalid_request', query)
})

t.test('append-only: the database refuses to change or to delete', async (t) => {
  await app.scope.securityEvents.flush()
  for (const statement of [
    "UPDATE security_events SET type = 'login_succeeded'",
    "UPDATE security_events SET ip = '192.0.2.1', user_agent = NULL",
    'UPDATE security_events SET ip = NULL, user_agent = NULL, user_id = NULL',
    'UPDATE security_events SET ip = NULL, user_agent = NULL, created_at = now()',
    'DELETE FROM security_events',
    'TRUNCATE security_events'
  ])
    await t.rejects(pool.query(statement), { code: '23000' }, statement)

  const count = async () =>
    (await pool.query<{ count: number }>('SELECT count(*)::int FROM security_events')).rows[0]?.count
  const before = Number(await count())
  const insert = (age: string) =>
    pool.query(
      `INSERT INTO security_events (id, type, created_at)
       VALUES (gen_random_uuid(), 'signup', now() - interval '${age}')`
    )
  await insert('89 days')
  await insert('91 days')
  await app.scope.housekeeping.run()
  t.equal(await count(), before + 1, 'what is older than SECURITY_EVENT_RETENTION goes')
})
