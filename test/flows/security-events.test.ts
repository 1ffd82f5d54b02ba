import t from 'tap'
import { build, logIn, password, refresh, refreshNative, signUp, tokensOf } from '../helper.ts'

type App = Awaited<ReturnType<typeof build>>

interface EventRow {
  type: string
  reason: string | null
  user_id: string | null
  sid: string | null
  ip: string | null
}

/** What is in the table, once the app has closed and so written everything. */
const eventsOf = async (app: App) => {
  await app.close()
  const { rows } = await app.stores.pool.query<EventRow>(
    'SELECT type, reason, user_id, sid, host(ip) AS ip FROM security_events ORDER BY id'
  )
  return rows
}

t.test('sign-ins, failures and ends are recorded, with whom and from where', async (t) => {
  const app = await build(t)
  const { email, user_id, session_id, access_token } = await signUp(app)
  const login = await logIn(app, email)
  for (const address of [email, 'nobody@example.com']) {
    await app.inject({
      method: 'POST',
      url: '/auth/login',
      payload: { email: address, password: 'not the password' }
    })
  }
  await app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: { authorization: `Bearer ${access_token}` }
  })
  t.strictSame(await eventsOf(app), [
    { type: 'signup', reason: null, user_id, sid: session_id, ip: '127.0.0.1' },
    { type: 'login_succeeded', reason: null, user_id, sid: login.session_id, ip: '127.0.0.1' },
    { type: 'login_failed', reason: null, user_id, sid: null, ip: '127.0.0.1' },
    { type: 'login_failed', reason: null, user_id: null, sid: null, ip: '127.0.0.1' },
    { type: 'session_revoked', reason: 'logout', user_id, sid: session_id, ip: '127.0.0.1' }
  ])
})

t.test('reuse, device change and the cap are recorded', async (t) => {
  const app = await build(t, { MAX_SESSIONS_PER_USER: 1, REFRESH_OVERLAP: 0 })
  const { email } = await signUp(app)
  const phone = await logIn(app, email, { 'x-client': 'native', 'x-device-id': 'phone-1' })
  await refreshNative(app, phone.refresh_token, { 'x-device-id': 'phone-2' })
  await refreshNative(app, phone.refresh_token, { 'x-device-id': 'phone-1' })
  await refreshNative(app, phone.refresh_token, { 'x-device-id': 'phone-1' })
  t.strictSame(
    (await eventsOf(app)).map(({ type, reason }) => [type, reason]),
    [
      ['signup', null],
      ['session_revoked', 'session_cap'],
      ['login_succeeded', null],
      ['device_changed', null],
      ['refresh_token_reused', null],
      ['session_revoked', 'reused']
    ]
  )
})

t.test('a replay from another network is a warning: theft within the overlap shows too', async (t) => {
  const app = await build(t, { TRUST_PROXY: '127.0.0.1' })
  const { refresh_token } = await signUp(app)
  const from = (ip: string) => refresh(app, refresh_token, { 'x-forwarded-for': ip })
  const head = tokensOf(await from('203.0.113.5'))
  t.equal(
    tokensOf(await from('203.0.113.77')).refresh_token,
    head.refresh_token,
    'the same network says nothing'
  )
  t.equal(tokensOf(await from('198.51.100.9')).refresh_token, head.refresh_token)
  t.equal(tokensOf(await from('2001:db8:1::1')).refresh_token, head.refresh_token)
  const replays = (await eventsOf(app)).filter(({ type }) => type === 'refresh_replayed_from_other_network')
  t.strictSame(
    replays.map(({ ip }) => ip),
    ['198.51.100.9', '2001:db8:1::1']
  )
})

t.test('metrics count refreshes by verdict and kind', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  await refresh(app, refresh_token)
  await refresh(app, refresh_token)
  await app.stores.age(session_id, 10_000)
  await refresh(app, refresh_token)
  const { body } = await app.inject({ url: '/metrics' })
  t.match(body, /latchkey_refreshes_total\{verdict="rotated",kind="head"\} 1/)
  t.match(body, /latchkey_refreshes_total\{verdict="replayed",kind="overlap"\} 1/)
  t.match(body, /latchkey_refreshes_total\{verdict="reused",kind=""\} 1/)
  t.match(
    body,
    /latchkey_request_duration_seconds_count\{method="POST",route="\/auth\/refresh",status="200"\} 2/
  )
  t.match(body, /latchkey_security_events_total\{type="refresh_token_reused"\} 1/)
  t.notMatch(body, password)
})
