// Trouble on the way to the server, or with it, never ends a session.
import t from 'tap'
import { AuthError, type AuthState } from '../../client/index.ts'
import { until } from '../stores/until.ts'
import { answer, Browser, failing, lost, offline, online, serve } from './browser.ts'

const app = await serve(t)

const problem = (code: string, action: string) =>
  JSON.stringify({ code, action, detail: 'as told', title: '' })
const keysOf = (browser: Browser) =>
  browser.sent('/auth/refresh').map(({ headers }) => headers.get('idempotency-key'))

t.test('what is no word of Latchkey is waited out, with one Idempotency-Key for the attempt', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed, changes } = await browser.signUp()
  browser.network = failing(
    '/auth/refresh',
    answer(502, '<html>Bad Gateway</html>', { 'content-type': 'text/html' }),
    answer(401, 'Who are you?', { 'www-authenticate': 'Basic' }),
    answer(401, '{"code":"unauthorized"}', { 'content-type': 'application/json' })
  )
  const before = await client.getAccessToken()
  t.not(await client.refresh(), before)
  const { state } = await changed('refreshed')
  t.equal(client.state, state)
  t.same(
    changes.flatMap((change) => (change.type === 'delayed' ? [change.error.code] : [])),
    ['unexpected_answer', 'unexpected_answer', 'unexpected_answer']
  )
  const [key, ...others] = keysOf(browser)
  t.match(key, /^[\da-f-]{36}$/)
  t.same(others, [key, key, key])
  await client.refresh()
  t.not(keysOf(browser).at(-1), key, 'the next attempt has another one')
})

t.test('Retry-After is kept to: nothing is asked before', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed } = await browser.signUp()
  for (const [status, code] of [
    [429, 'too_many_refreshes'],
    [503, 'temporarily_unavailable']
  ] as const) {
    browser.network = failing('/auth/refresh', answer(status, problem(code, 'retry'), { 'retry-after': '2' }))
    const asked = performance.now()
    const many = await Promise.all(Array.from({ length: 5 }, () => client.refresh()))
    t.equal(new Set(many).size, 1)
    t.ok(performance.now() - asked >= 2000, `${code} is waited out`)
  }
  const { error, retry_in } = await changed('delayed', 2)
  t.match(error, { code: 'temporarily_unavailable', action: 'retry', status: 503, retryAfter: 2 })
  t.ok(retry_in >= 2)
})

t.test('an answer that was lost after the server had rotated is given again, however late', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed, session_id } = await browser.signUp()
  const { stores } = app
  browser.network = failing('/auth/refresh', async (request, pass) => {
    await lost(browser)(request, pass).catch(() => undefined)
    await stores.age(session_id, 3_600_000)
    throw new TypeError('fetch failed')
  })
  await client.refresh()
  t.match(await changed('refreshed'), { verdict: 'replayed' })
  t.equal(await browser.head(session_id), 2)
})

t.test('so it is to the page that was loaded anew meanwhile', async (t) => {
  const browser = Browser.start(t, app)
  const { client, session_id } = await browser.signUp()
  browser.network = failing('/auth/refresh', lost(browser))
  const given = client.refresh()
  const closed = t.rejects(given, { code: 'closed' })
  await until('the server to have rotated', async () => (await browser.head(session_id)) === 2)
  client.close()
  await closed
  await app.stores.age(session_id, 3_600_000)
  const again = browser.open()
  t.match(await again.client.user(), { id: /./ })
  t.equal(await browser.head(session_id), 2)
  const [first, second] = keysOf(browser)
  t.equal(second, first)
})

t.test('offline, calls are refused with retry, and the page goes on when the network is back', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed } = await browser.signUp({ timeout: 2000 })
  browser.network = offline
  browser.pass(900_000)
  const refused = { code: 'network_error', action: 'retry' }
  await t.rejects(client.getAccessToken(), refused)
  await t.rejects(client.fetch(`${browser.url}/auth/me`), refused)
  const { error } = await changed('delayed')
  t.match(error, { ...refused, message: /can not be reached\.$/ })
  t.match(await client.user(), { id: /./ }, 'who is signed in is known')
  t.equal(client.state.status, 'signed_in')
  browser.network = online
  await changed('refreshed')
})

t.test('a server that does not answer in time', async (t) => {
  const browser = Browser.start(t, app)
  const { client, changed } = await browser.signUp({ timeout: 2000 })
  browser.network = (request) =>
    new Promise((_resolve, reject) => {
      request.signal.addEventListener('abort', () => {
        reject(request.signal.reason as Error)
      })
    })
  await t.rejects(client.refresh(), { code: 'timeout', action: 'retry' })
  const { error } = await changed('delayed')
  t.match(error, { code: 'timeout', message: `${browser.url} has not answered in 2000 ms.` })
  t.equal(client.state.status, 'signed_in')
})

t.test('what is left of a token is used while the server is away', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = await browser.signUp({ timeout: 2000 })
  const token = await client.getAccessToken()
  browser.network = offline
  browser.pass(left(client.state) - 10_000)
  t.equal(await client.getAccessToken(), token)
  browser.pass(10_000)
  await t.rejects(client.getAccessToken(), { code: 'network_error' })
})

const left = (state: AuthState) => (state.status === 'signed_in' ? state.expires_at - performance.now() : 0)

t.test('a page that loads while the server is away', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = await browser.signUp()
  client.close()
  browser.network = offline
  const { client: next, changed } = browser.open({ timeout: 200 })
  await t.rejects(next.user(), { code: 'network_error' })
  t.same(next.state, { status: 'unknown' })
  browser.network = online
  t.match(await changed('signed_in'), { by: 'refresh', from: 'this_tab' })
})

t.test('a refusal of the request itself is told to who asked, and ends nothing', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = await browser.signUp()
  browser.network = failing('/auth/refresh', answer(403, problem('cross_site_request', 'none')))
  await t.rejects(client.refresh(), { code: 'cross_site_request', status: 403, message: 'as told' })
  t.equal(client.state.status, 'signed_in')
  await t.resolves(client.refresh())
})

t.test('a server that knows of no such fields says which', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = browser.open()
  const error = await client.signup({ email: 'nobody', password: 'short' }).catch((error: unknown) => error)
  t.ok(error instanceof AuthError)
  t.match(error, { code: 'invalid_request', action: 'none', status: 400, request_id: /./ })
  t.match(error, { errors: [{ path: 'email' }] })
})
