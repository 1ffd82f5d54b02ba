// A session's life in one tab.
import t from 'tap'
import { createAuthClient } from '../../client/index.ts'
import { codeOf, logIn, password, refresh } from '../helper.ts'
import { until } from '../stores/until.ts'
import { Browser, online, serve } from './browser.ts'

const app = await serve(t)

t.test('from sign-up to logout', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changes, changed } = browser.open()
  t.same(client.state, { status: 'unknown' })
  t.equal(await client.user(), null)
  t.same(client.state, { status: 'signed_out', reason: 'refresh_token_missing' })

  const email = 'ada@example.com'
  const user = await client.signup({ email, password, name: 'Ada' })
  t.match(user, { email, name: 'Ada' })
  t.same(await client.user(), user)
  t.match(client.state, { status: 'signed_in', user, session_id: /./, expires_in: 900 })
  await client.logout()
  t.equal(await client.user(), null)
  t.same(client.state, { status: 'signed_out', reason: 'logout' })
  t.notOk(browser.refreshToken)
  await client.logout()

  t.match(await client.login({ email, password }), { email })
  await client.logoutAll()
  t.same(client.state, { status: 'signed_out', reason: 'logout_all' })
  await changed('signed_out', 3)
  t.same(
    changes.map((change) => ('by' in change ? `${change.type} by ${change.by}` : change.type)),
    ['signed_out', 'signed_in by signup', 'signed_out', 'signed_in by login', 'signed_out']
  )
  const { rows } = await app.stores.pool.query<{ live: number }>(
    'SELECT count(*)::int AS live FROM sessions WHERE revoked_at IS NULL'
  )
  t.same(rows, [{ live: 0 }])
})

t.test('a page that is loaded anew is signed in by the cookie', async (t) => {
  const browser = Browser.start(t, app)
  const { client, email } = await browser.signUp()
  client.close()
  const again = browser.open()
  t.match(await again.client.user(), { email })
  t.match(again.changes, [{ type: 'signed_in', by: 'refresh', verdict: 'rotated', from: 'this_tab' }])
})

t.test('many calls at once are one refresh', async (t) => {
  const browser = Browser.start(t, app)
  const { client, session_id, changed } = await browser.signUp()
  await client.refresh()
  browser.pass(900_000)
  const tokens = await Promise.all(Array.from({ length: 50 }, () => client.getAccessToken()))
  t.equal(new Set(tokens).size, 1)
  t.equal(browser.sent('/auth/refresh').length, 2)
  t.equal(await browser.head(session_id), 3)
  t.match(await changed('refreshed', 2), { verdict: 'rotated', from: 'this_tab' })
})

t.test('a refused token is exchanged once, whoever says so and however late', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = await browser.signUp()
  const refused = await client.getAccessToken()
  const newer = await Promise.all([client.getAccessToken({ refused }), client.getAccessToken({ refused })])
  t.equal(newer[0], newer[1])
  t.not(newer[0], refused)
  t.equal(await client.getAccessToken({ refused }), newer[0])
  t.equal(browser.sent('/auth/refresh').length, 1)
})

t.test('a visible page refreshes by itself, ahead of the end', async (t) => {
  const browser = Browser.start(t, await serve(t, { ACCESS_TOKEN_TTL: 2 }))
  const { client, changed, session_id } = await browser.signUp()
  const { state } = await changed('refreshed', 2)
  t.ok(state.expires_at > performance.now())
  t.equal(client.state, state)
  t.equal(await browser.head(session_id), 3)
})

t.test('a session that was ended elsewhere ends here, and says why', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed, session_id } = await browser.signUp()
  const stolen = browser.refreshToken ?? ''
  await client.refresh()
  await app.stores.age(session_id, 60_000)
  browser.cookies.set('__Host-refresh_token', stolen)
  await t.rejects(client.refresh(), { code: 'not_signed_in', cause: { code: 'refresh_token_reused' } })
  const { state, error, from } = await changed('signed_out')
  t.same(state, { status: 'signed_out', reason: 'refresh_token_reused' })
  t.match(error, { code: 'refresh_token_reused', action: 'reauthenticate', status: 401 })
  t.equal(from, 'this_tab')
})

t.test('use without login', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = browser.open()
  const refusal = {
    code: 'not_signed_in',
    action: 'reauthenticate',
    message: 'Nobody is signed in (refresh_token_missing). Call login().'
  }
  await t.rejects(client.getAccessToken(), refusal)
  await t.rejects(client.fetch(`${browser.url}/auth/me`), refusal)
  await t.rejects(client.sessions.list(), refusal)
  await t.rejects(client.login({ email: 'nobody@example.com', password }), { code: 'invalid_credentials' })
  await t.rejects(client.login({ email: 'nobody@example.com', password: '' }), { code: 'invalid_request' })
})

t.test('the sessions of the user', async (t) => {
  const browser = Browser.start(t, app)
  const { client, email, session_id, changed } = await browser.signUp()
  const jar = new Map(browser.cookies)
  const elsewhere = async () => {
    browser.cookies.clear()
    const phone = createAuthClient({ baseUrl: `${browser.url}/` })
    await phone.login({ email, password })
    phone.close()
    browser.cookies.clear()
    for (const [name, value] of jar) browser.cookies.set(name, value)
  }
  // A phone is no tab of this browser: it hears nothing of it, and the reverse.
  client.close()
  await elsewhere()
  await elsewhere()
  const { client: here, ...tab } = browser.open()
  await here.user()
  const list = await here.sessions.list()
  t.equal(list.length, 3)
  t.same(
    list.filter(({ current }) => current).map(({ id }) => id),
    [session_id]
  )
  const [other] = list.filter(({ current }) => !current)
  t.match(await here.sessions.rename(other?.id ?? '', 'Phone'), { id: other?.id, label: 'Phone' })
  await here.sessions.end(other?.id ?? '')
  await t.rejects(here.sessions.end(other?.id ?? ''), { code: 'session_not_found', status: 404 })
  await here.sessions.endOthers()
  t.same(
    (await here.sessions.list()).map(({ id }) => id),
    [session_id]
  )
  t.equal(here.state.status, 'signed_in')
  await here.sessions.end(session_id)
  t.match(await tab.changed('signed_out'), { state: { reason: 'session_revoked' } })
  t.notOk(browser.refreshToken)
  void changed
})

t.test('logout during a refresh wins, and the late answer is dropped', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed, changes } = await browser.signUp()
  let release = () => undefined as void
  let arrived = false
  browser.network = async (request, pass) => {
    const response = await pass()
    if (!request.url.endsWith('/auth/refresh')) return response
    arrived = true
    await new Promise<void>((resolve) => (release = resolve))
    return response
  }
  const waiting = t.rejects(client.refresh(), { code: 'not_signed_in' })
  await until('the server to have answered', async () => arrived)
  await client.logout()
  release()
  await waiting
  await changed('signed_out')
  t.same(client.state, { status: 'signed_out', reason: 'logout' })
  t.same(
    changes.map(({ type }) => type),
    ['signed_in', 'signed_out']
  )
})

t.test('where a logout fails, nothing changes', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = await browser.signUp()
  browser.network = async () => {
    throw new TypeError('fetch failed')
  }
  await t.rejects(client.logout(), { code: 'network_error', action: 'retry' })
  t.equal(client.state.status, 'signed_in')
  browser.network = online
  await t.resolves(client.refresh())
  await client.logout()
})

t.test('logins and logouts at once happen one after the other', async (t) => {
  const browser = Browser.start(t, app)
  const { client, email } = await browser.signUp()
  let loginsUnderWay = 0
  browser.network = async (request, pass) => {
    if (request.url.endsWith('/auth/logout')) t.equal(loginsUnderWay, 0)
    if (request.url.endsWith('/auth/login')) loginsUnderWay += 1
    const response = await pass()
    if (request.url.endsWith('/auth/login')) loginsUnderWay -= 1
    return response
  }
  await Promise.all([client.login({ email, password }), client.logout(), client.login({ email, password })])
  t.equal(client.state.status, 'signed_in')
  await t.resolves(client.refresh())
  await Promise.all([client.login({ email, password }), client.logout()])
  t.equal(client.state.status, 'signed_out')
})

t.test('what a listener throws is no trouble of others, and who has left is not told', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed } = browser.open()
  const uncaught: unknown[] = []
  const listener = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', listener)
  t.teardown(() => process.off('uncaughtException', listener))
  const told: string[] = []
  client.onChange(() => {
    throw new Error('a fault of the app')
  })
  client.onChange(({ type }) => told.push(type))
  const leave = client.onChange(({ type }) => told.push(`late ${type}`))
  leave()
  await client.user()
  await changed('signed_out')
  t.same(told, ['signed_out'])
  await until('the fault to be reported', async () => uncaught.length === 1)
})

t.test('a closed client says so', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = await browser.signUp()
  const refreshing = client.refresh()
  client.close()
  await t.rejects(refreshing, { code: 'closed' })
  await t.rejects(client.getAccessToken(), { code: 'closed', message: 'The client was closed.' })
  await t.rejects(client.login({ email: 'ada@example.com', password }), { code: 'closed' })
  t.throws(() => client.onChange(() => undefined), { code: 'closed' })
})

t.test('what needs a recent login, and the end of the account', async (t) => {
  const browser = Browser.start(t, app)
  const { client, email, session_id } = await browser.signUp()
  const elsewhere = await logIn(app, email)
  await app.stores.pool.query(
    "UPDATE sessions SET authenticated_at = authenticated_at - interval '1 hour' WHERE id = $1",
    [session_id]
  )
  await client.refresh()
  const chosen = 'battery staple correct horse'
  const change = { current_password: password, new_password: chosen }
  await t.rejects(client.account.changePassword(change), { code: 'insufficient_user_authentication' })
  await t.rejects(client.account.remove(), { code: 'insufficient_user_authentication' })
  await t.rejects(client.account.reauthenticate('wrong'), { code: 'invalid_credentials', action: 'none' })
  await client.account.reauthenticate(password)
  await client.account.changePassword(change)
  t.equal(codeOf(await refresh(app, elsewhere.refresh_token)), 'session_revoked')
  t.match(client.state, { status: 'signed_in', session_id }, 'this session goes on')

  await client.account.remove()
  t.same(client.state, { status: 'signed_out', reason: 'account_deleted' })
  t.notOk(browser.refreshToken)
  await t.rejects(client.login({ email, password: chosen }), { code: 'invalid_credentials' })
})
