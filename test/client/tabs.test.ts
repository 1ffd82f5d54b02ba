// The tabs of one browser follow each other, and none waits for another.
import t from 'tap'
import { password } from '../helper.ts'
import { until } from '../stores/until.ts'
import { Browser, offline, online, serve } from './browser.ts'

const app = await serve(t)

t.test('a tab that is opened anew has its session from another one, without a request', async (t) => {
  const browser = Browser.start(t, app)
  const first = await browser.signUp()
  const second = browser.open()
  t.match(await second.client.user(), { email: first.email })
  t.match(await second.changed('signed_in'), { from: 'other_tab', by: 'refresh' })
  t.equal(await second.client.getAccessToken(), await first.client.getAccessToken())
  t.equal(browser.sent('/auth/refresh').length, 0)
  const lefts = [first, second].map(({ client: { state } }) =>
    state.status === 'signed_in' ? state.expires_at : 0
  )
  t.ok(Math.abs((lefts[0] ?? 0) - (lefts[1] ?? 0)) < 500, 'it lasts as long in both')
})

t.test('what one tab has refreshed is news to the others', async (t) => {
  const browser = Browser.start(t, app)
  const first = await browser.signUp()
  const second = browser.open()
  await second.client.user()
  const token = await first.client.refresh()
  t.match(await second.changed('refreshed'), { from: 'other_tab', verdict: 'rotated' })
  t.equal(await second.client.getAccessToken(), token)
  t.equal(browser.sent('/auth/refresh').length, 1)
})

/** Six tabs of one session with head 2, none of which still waits for another. */
async function openSix(browser: Browser) {
  const { client, session_id } = await browser.signUp()
  await client.refresh()
  const tabs = [client, ...Array.from({ length: 5 }, () => browser.open().client)]
  await Promise.all(tabs.map((tab) => tab.user()))
  return { tabs, session_id }
}

t.test('six tabs that refresh at once are six answers with one head', async (t) => {
  const browser = Browser.start(t, app)
  const { tabs, session_id } = await openSix(browser)
  const tokens = await Promise.all(tabs.map((tab) => tab.refresh()))
  const [, ...sent] = browser.sent('/auth/refresh')
  t.equal(sent.length, 6)
  t.equal(tokens.filter(Boolean).length, 6)
  t.equal(await browser.head(session_id), 3)
  const keys = sent.map(({ headers }) => headers.get('idempotency-key'))
  t.equal(new Set(keys).size, 1, 'it is one attempt')
})

t.test('where all six lose their answers, they are given again, however late', async (t) => {
  const browser = Browser.start(t, app)
  const { tabs, session_id } = await openSix(browser)
  const jar = new Map(browser.cookies)
  let answered = 0
  browser.network = async (_request, pass) => {
    if (answered === 6) return pass()
    await pass()
    answered += 1
    await until('all six to be answered', async () => answered === 6)
    for (const [name, value] of jar) browser.cookies.set(name, value)
    await app.stores.age(session_id, 600_000)
    throw new TypeError('fetch failed')
  }
  await Promise.all(tabs.map((tab) => tab.refresh()))
  t.equal(await browser.head(session_id), 3)
  t.same(
    tabs.map(({ state }) => state.status),
    tabs.map(() => 'signed_in')
  )
})

t.test('logout in one tab, and login, and another user: all follow', async (t) => {
  const browser = Browser.start(t, app)
  const first = await browser.signUp()
  const second = browser.open()
  await second.client.user()
  await first.client.logout()
  t.match(await second.changed('signed_out'), { state: { reason: 'logout' }, from: 'other_tab' })
  await t.rejects(second.client.getAccessToken(), { code: 'not_signed_in' })

  await second.client.login({ email: first.email, password })
  t.match(await first.changed('signed_in', 2), { by: 'login', from: 'other_tab' })
  t.equal(await first.client.getAccessToken(), await second.client.getAccessToken())

  await first.client.signup({ email: `other-${first.email}`, password })
  t.match(await second.changed('signed_in', 3), { by: 'signup', from: 'other_tab' })
  t.match(second.client.state, { user: { email: `other-${first.email}` } })
  t.equal(await first.client.getAccessToken(), await second.client.getAccessToken())
})

t.test('a logout wins over a refresh of another tab, whose answer comes late', async (t) => {
  const browser = Browser.start(t, app)
  const first = await browser.signUp()
  const second = browser.open()
  await second.client.user()
  let release = () => undefined as void
  let arrived = false
  browser.network = async (request, pass) => {
    const response = await pass()
    if (!request.url.endsWith('/auth/refresh')) return response
    arrived = true
    await new Promise<void>((resolve) => (release = resolve))
    return response
  }
  const refreshing = t.rejects(second.client.refresh(), { code: 'not_signed_in' })
  await until('the server to have answered', async () => arrived)
  await first.client.logout()
  release()
  await refreshing
  t.same(second.client.state, { status: 'signed_out', reason: 'logout' })
  t.same(first.client.state, { status: 'signed_out', reason: 'logout' })
})

t.test('a login that fails holds nobody up', async (t) => {
  const browser = Browser.start(t, app)
  const first = await browser.signUp()
  const second = browser.open()
  await second.client.user()
  const refusal = t.rejects(first.client.login({ email: first.email, password: 'wrong' }), {
    code: 'invalid_credentials'
  })
  const [token] = await Promise.all([second.client.refresh(), refusal])
  t.ok(token)
  t.equal(first.client.state.status, 'signed_in')
  t.ok(await first.client.refresh())
})

t.test(
  'a tab that died in the middle of a login holds the others up for seconds, not for ever',
  async (t) => {
    const browser = Browser.start(t, app)
    const { client } = await browser.signUp()
    const dead = new BroadcastChannel(`latchkey:${browser.url}`)
    dead.postMessage({ type: 'hold' })
    await until('the tab to be held', async () => {
      const waiting = client.refresh()
      const first = await Promise.race([waiting.then(() => 'token'), Promise.resolve('held')])
      return first === 'held'
    })
    t.ok(await client.refresh())
    dead.close()
  }
)

t.test('a message that comes late revives no session', async (t) => {
  const browser = Browser.start(t, app)
  const first = await browser.signUp()
  const second = browser.open()
  await second.client.user()
  const heard: { type: string }[] = []
  const channel = new BroadcastChannel(`latchkey:${browser.url}`)
  channel.onmessage = ({ data }: MessageEvent<{ type: string }>) => heard.push(data)
  t.teardown(() => {
    channel.close()
  })
  await first.client.refresh()
  const news = await until('the news', async () => heard.find(({ type }) => type === 'session'))
  await first.client.logout()
  await second.changed('signed_out')
  channel.postMessage(news)
  const { client, session_id } = await browser.signUp()
  for (const tab of [first, second]) {
    await until('the tab to follow', async () => {
      const { state } = tab.client
      return state.status === 'signed_in' && state.session_id === session_id
    })
    t.equal(
      tab.changes.filter(({ type }) => type === 'signed_in').length,
      2,
      'the sign-ups, and nothing between'
    )
    t.same(await tab.client.user(), await client.user())
  }
})

t.test('a tab whose request failed goes on with what another one has', async (t) => {
  const browser = Browser.start(t, app)
  const first = await browser.signUp()
  const second = browser.open()
  await second.client.user()
  browser.network = offline
  const waiting = second.client.refresh()
  await second.changed('delayed')
  browser.network = online
  const [token] = await Promise.all([first.client.refresh(), first.changed('refreshed')])
  t.equal(await waiting, token)
})
