import t from 'tap'
import {
  bearer,
  build,
  codeOf,
  deviceCookie,
  logIn,
  refresh,
  refreshNative,
  signUp,
  tokensOf
} from '../helper.ts'

type App = Awaited<ReturnType<typeof build>>

const liveSessions = async (app: App, access_token: string) => {
  const response = await app.inject({ url: '/auth/sessions', headers: bearer(access_token) })
  return response.json<{ sessions: { id: string }[] }>().sessions.map(({ id }) => id)
}

t.test('MAX_SESSIONS_PER_USER ends the least recently used, all the excess', async (t) => {
  const app = await build(t, { MAX_SESSIONS_PER_USER: 3 })
  const first = await signUp(app)
  const second = await logIn(app, first.email)
  const third = await logIn(app, first.email)
  const used = tokensOf(await refresh(app, first.refresh_token))
  await app.scope.sessionJournal.flush()
  const fourth = await logIn(app, first.email)
  t.strictSame(
    new Set(await liveSessions(app, fourth.access_token)),
    new Set([first.session_id, third.session_id, fourth.session_id])
  )
  t.equal(codeOf(await refresh(app, second.refresh_token)), 'session_revoked')
  t.equal((await refresh(app, used.refresh_token)).statusCode, 200)
})

t.test('the same device replaces its session', async (t) => {
  const app = await build(t)
  const first = await signUp(app)
  const device = first.response.cookies.find(({ name }) => name === deviceCookie)?.value ?? ''
  const again = await logIn(app, first.email, { cookie: `${deviceCookie}=${device}` })
  t.strictSame(await liveSessions(app, again.access_token), [again.session_id])
  t.equal(codeOf(await refresh(app, first.refresh_token)), 'session_revoked')
})

t.test('a session is bound to its device', async (t) => {
  const app = await build(t)
  const { email } = await signUp(app)
  const phone = await logIn(app, email, { 'x-client': 'native', 'x-device-id': 'phone-1' })

  t.test('another device is refused, and the session goes on', async (t) => {
    const other = await refreshNative(app, phone.refresh_token, { 'x-device-id': 'phone-2' })
    t.equal(other.statusCode, 401)
    t.equal(codeOf(other), 'device_changed')
    t.equal(
      codeOf(await refreshNative(app, phone.refresh_token)),
      'device_changed',
      'a native app must name it'
    )
    t.equal((await refreshNative(app, phone.refresh_token, { 'x-device-id': 'phone-1' })).statusCode, 200)
  })

  t.test('another device cookie is refused; none is let pass, for cookies are cleared singly', async (t) => {
    const browser = await logIn(app, email)
    const cookie = `__Host-refresh_token=${browser.refresh_token}`
    const post = (more: string) =>
      app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie: `${cookie}${more}` } })
    t.equal(codeOf(await post(`; ${deviceCookie}=another-device`)), 'device_changed')
    t.equal((await post('')).statusCode, 200)
  })
})

t.test('SESSIONS_PER_DEVICE_TYPE=1: a new phone ends the old phone, the desktop stays', async (t) => {
  const app = await build(t, { SESSIONS_PER_DEVICE_TYPE: 1 })
  const desktop =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
  const phone =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'
  const atDesk = await signUp(app, { 'user-agent': desktop })
  const oldPhone = await logIn(app, atDesk.email, { 'user-agent': phone })
  const newPhone = await logIn(app, atDesk.email, { 'user-agent': phone })
  t.strictSame(
    new Set(await liveSessions(app, newPhone.access_token)),
    new Set([atDesk.session_id, newPhone.session_id])
  )
  t.equal(codeOf(await refresh(app, oldPhone.refresh_token)), 'session_revoked')
})

t.test('REFRESH_RATE: too many rotations a minute are put off, and nothing is lost', async (t) => {
  const app = await build(t, { REFRESH_RATE: 3 })
  const { refresh_token, session_id } = await signUp(app)
  let head = refresh_token
  for (let rotation = 0; rotation < 3; rotation += 1) head = tokensOf(await refresh(app, head)).refresh_token
  const refused = await refresh(app, head)
  t.equal(refused.statusCode, 429)
  t.equal(codeOf(refused), 'too_many_refreshes')
  t.equal(refused.headers['set-cookie'], undefined)
  const wait = Number(refused.headers['retry-after'])
  t.ok(wait >= 1 && wait <= 60, `Retry-After: ${String(wait)}`)
  await app.stores.redis.hset(app.stores.key(session_id), 'window', `${String(Date.now() - 60_000)} 3`)
  t.equal((await refresh(app, head)).statusCode, 200)
})

t.test('REFRESH_MAX_ROTATIONS ends the session', async (t) => {
  const app = await build(t, { REFRESH_MAX_ROTATIONS: 2 })
  const { refresh_token } = await signUp(app)
  const second = tokensOf(await refresh(app, refresh_token))
  const third = tokensOf(await refresh(app, second.refresh_token))
  t.equal(codeOf(await refresh(app, third.refresh_token)), 'session_exhausted')
  t.equal(codeOf(await refresh(app, third.refresh_token)), 'session_exhausted', 'whoever asks next')
})

t.test('absolute expiry ends a session however often it is used', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  await app.stores.redis.hset(app.stores.key(session_id), 'expires_at', Date.now() - 1)
  const refused = await refresh(app, refresh_token)
  t.equal(codeOf(refused), 'session_expired')
  t.match(refused.headers['set-cookie'], /Max-Age=0/)
})

t.test('REFRESH_OVERLAP=0 is strict single use', async (t) => {
  const app = await build(t, { REFRESH_OVERLAP: 0 })
  const { refresh_token } = await signUp(app)
  t.equal((await refresh(app, refresh_token)).statusCode, 200)
  t.equal(codeOf(await refresh(app, refresh_token)), 'refresh_token_reused')
})
