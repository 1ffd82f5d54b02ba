// Several tabs, and several browsers, on one session.
import t from 'tap'
import { password } from '../helper.ts'
import { until } from '../stores/until.ts'
import { launch, Profile } from './browser.ts'
import { startSite } from './site.ts'

const browser = await launch(t)

/** The processes that pages run in, of all profiles. */
async function renderers(): Promise<number[]> {
  const cdp = await browser.newBrowserCDPSession()
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo')
  await cdp.detach()
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}

t.test('six tabs that wake at once: no logout, one session, one head', async (t) => {
  const site = await startSite(t, { ACCESS_TOKEN_TTL: 5 })
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  const tabs = [tab]
  while (tabs.length < 6) tabs.push(await profile.open())
  // Stopped as a suspended system stops them, until their tokens are over and every timer is overdue.
  const pages = await renderers()
  const asleep = performance.now()
  for (const pid of pages) process.kill(pid, 'SIGSTOP')
  try {
    await until('their tokens to be over', async () => performance.now() - asleep > 6000)
  } finally {
    for (const pid of pages) process.kill(pid, 'SIGCONT')
  }
  const [asked, head] = [site.refreshes(), await site.head(session_id)]
  await Promise.all(tabs.map((one) => until('a tab to be awake', async () => (await one.api()) === 200)))
  const [then, newest] = [site.refreshes(), await site.head(session_id)]
  t.comment(`${String(then - asked)} refreshes, ${String(newest - head)} rotations`)
  t.ok(then > asked)
  for (const one of tabs) t.match(await one.state(), { status: 'signed_in', session_id })
  const signedOut = await Promise.all(tabs.map((one) => one.count('signed_out')))
  t.same(signedOut, [1, 0, 0, 0, 0, 0], 'but for the first before its sign-up')
  t.same(await site.sessions(), [{ id: session_id, revoked_reason: null }])
  const shared = await profile.refreshToken()
  t.type(await tab.refresh(), 'number')
  t.not(await profile.refreshToken(), shared, 'the cookie that they share was good')
})

t.test('six tabs that refresh in the same moment are one rotation', async (t) => {
  const site = await startSite(t)
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  const tabs = [tab]
  while (tabs.length < 6) tabs.push(await profile.open())
  site.proxy.holdRequests(true)
  const refreshing = Promise.all(tabs.map((one) => one.refresh()))
  await until('all six to have sent it', async () => {
    return profile.urls.filter((url) => url.endsWith('/auth/refresh')).length >= 6 + 1
  })
  site.proxy.holdRequests(false)
  for (const token of await refreshing) t.type(token, 'number')
  t.equal(await site.head(session_id), 2)
  const verdicts = await Promise.all(
    tabs.map(async (one) =>
      (await one.changes()).filter(({ from }) => from === 'this_tab').map(({ verdict }) => verdict)
    )
  )
  t.equal(verdicts.flat().filter((verdict) => verdict === 'rotated').length, 1)
})

t.test('logout in one tab while another refreshes', async (t) => {
  const site = await startSite(t)
  const profile = await Profile.make(browser, site)
  const { tab, email, session_id } = await profile.signUp()
  const other = await profile.open()
  t.match(await other.state(), { session_id })
  site.proxy.holdRequests(true)
  const sent = (path: string) => profile.urls.filter((url) => url.endsWith(path)).length
  const before = sent('/auth/refresh')
  const refreshing = other.refresh()
  await until('the refresh to be on its way', async () => sent('/auth/refresh') === before + 1)
  const leaving = tab.logout()
  // It tells the other tab before it is sent.
  await until('the logout to be on its way', async () => sent('/auth/logout') === 1)
  site.proxy.holdRequests(false)
  await leaving
  t.equal(await refreshing, 'not_signed_in')
  await other.told('signed_out')
  for (const one of [tab, other]) t.match(await one.state(), { status: 'signed_out', reason: 'logout' })
  t.equal(await other.count('refreshed'), 0)
  t.same(await site.sessions(), [{ id: session_id, revoked_reason: 'logout' }])

  // Somebody signs in in one tab, somebody else in the other.
  await other.page.evaluate((credentials) => window.client.login(credentials), { email, password })
  await tab.told('signed_in', 2)
  t.equal(await tab.page.title(), email)
  await tab.page.evaluate((account) => window.client.signup(account), { email: `second-${email}`, password })
  await other.told('signed_in', 3)
  t.equal(await other.page.title(), `second-${email}`)
  for (const one of [tab, other]) {
    t.type(await one.refresh(), 'number')
    t.match(await one.state(), { user: { email: `second-${email}` } })
  }
})

t.test('a stolen cookie that is used elsewhere ends the session in both places', async (t) => {
  const site = await startSite(t)
  const victim = await Profile.make(browser, site)
  const { tab, session_id } = await victim.signUp()
  const stolen = await victim.cookies()
  const thief = await Profile.make(browser, site)
  await thief.context.addCookies(
    stolen.map(({ name, value }) => ({
      name,
      value,
      url: site.url.replace('http:', 'https:'),
      httpOnly: true,
      secure: true,
      sameSite: 'Strict' as const
    }))
  )
  const elsewhere = await thief.open()
  t.match(await elsewhere.state(), { status: 'signed_in', session_id }, 'the thief is in')
  await site.stores.age(session_id, 60_000)
  t.equal(await tab.refresh(), 'not_signed_in')
  t.match(await tab.state(), { status: 'signed_out', reason: 'refresh_token_reused' })
  t.notOk(await victim.refreshToken(), 'the cookie is gone')
  await until('the thief to be refused', async () => (await elsewhere.refresh()) === 'not_signed_in')
  t.match(await elsewhere.state(), { status: 'signed_out', reason: 'refresh_token_reused' })
  t.same(await site.sessions(), [{ id: session_id, revoked_reason: 'reused' }])
})
