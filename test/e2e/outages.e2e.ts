// What happens between a page and its server, while a page refreshes. Nobody is logged out by any of it.
import t, { type Test } from 'tap'
import { until } from '../stores/until.ts'
import { launch, Profile, type Tab } from './browser.ts'
import { startSite, type Site } from './site.ts'

const browser = await launch(t)

/** The page is signed in to the session that it had, and works. */
async function stillIn(t: Test, site: Site, tab: Tab, session_id: string) {
  t.equal(await tab.count('signed_out'), 1, 'it was signed out before the sign-up only')
  t.match(await tab.state(), { status: 'signed_in', session_id })
  t.equal(await tab.api(), 200)
  t.same(
    (await site.sessions()).filter(({ id }) => id === session_id),
    [{ id: session_id, revoked_reason: null }]
  )
}

/**
 * A refresh whose answer is lost after the server has rotated, and as late as you like: the overlap is over, and
 * so is the mark of an unanswered rotation. The network stays away, as a browser sends a request once more by
 * itself where a connection breaks that was used before.
 * @returns what comes of the refresh
 */
async function loseAnswer(site: Site, tab: Tab, session_id: string) {
  site.proxy.dropResponses(true)
  const outcome = tab.refresh().catch(() => 'the page is gone')
  await until('the server to have answered', async () => {
    return (await site.head(session_id)) === 2 && !(await site.unanswered(session_id))
  })
  await site.stores.age(session_id, 3_600_000)
  await site.proxy.cut()
  site.proxy.dropResponses(false)
  await tab.told('delayed')
  return { outcome }
}

t.test('an answer that is lost after the server has rotated', async (t) => {
  const site = await startSite(t)
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  const before = await profile.refreshToken()
  const { outcome } = await loseAnswer(site, tab, session_id)
  t.equal(await profile.refreshToken(), before, 'the browser has the old token')
  await site.proxy.restore()
  t.type(await outcome, 'number')
  t.equal(await site.head(session_id), 2, 'it was the same rotation')
  t.not(await profile.refreshToken(), before)
  await stillIn(t, site, tab, session_id)
})

t.test('the same, where the page is loaded anew meanwhile', async (t) => {
  const site = await startSite(t)
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  const { outcome } = await loseAnswer(site, tab, session_id)
  // It tries no more: what comes next is the new page.
  await tab.page.evaluate(() => {
    window.client.close()
  })
  await outcome
  await site.proxy.restore()
  await tab.page.reload()
  await tab.known()
  t.match(await tab.state(), { status: 'signed_in', session_id })
  t.same(await tab.changes(), [{ type: 'signed_in', verdict: 'replayed', from: 'this_tab' }])
  t.equal(await tab.api(), 200)
})

t.test('the server is restarted in the middle of a refresh', async (t) => {
  const site = await startSite(t, { ACCESS_TOKEN_TTL: 5 })
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  site.proxy.holdRequests(true)
  const refreshing = tab.refresh()
  const asked = site.refreshes()
  await site.stop()
  site.proxy.holdRequests(false)
  await tab.told('delayed')
  t.equal((await tab.state()).status, 'signed_in')
  await site.start()
  t.type(await refreshing, 'number')
  t.ok(site.refreshes() > asked)
  await stillIn(t, site, tab, session_id)
})

t.test('Redis forgets everything in the middle of a refresh', async (t) => {
  const site = await startSite(t)
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  await tab.refresh()
  await until('the journal to be written', async () => (await site.journaled(session_id)) === 2)
  site.proxy.holdRequests(true)
  const refreshing = tab.refresh()
  await site.stores.redis.del(site.stores.key(session_id))
  site.proxy.holdRequests(false)
  t.type(await refreshing, 'number')
  t.equal(await site.head(session_id), 3)
  await site.stores.redis.del(site.stores.key(session_id))
  t.type(await tab.refresh(), 'number')
  await stillIn(t, site, tab, session_id)
})

t.test('the network goes off and comes back', async (t) => {
  const site = await startSite(t, { ACCESS_TOKEN_TTL: 5 })
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  const cdp = await profile.context.newCDPSession(tab.page)
  const network = (offline: boolean) =>
    cdp.send('Network.emulateNetworkConditions', {
      offline,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1
    })
  await cdp.send('Network.enable')
  await network(true)
  await tab.told('delayed', 2)
  t.notOk(await tab.page.evaluate(() => navigator.onLine))
  t.equal((await tab.state()).status, 'signed_in')
  const before = await tab.count('refreshed')
  await network(false)
  await tab.told('refreshed', before + 1, 5000)
  await stillIn(t, site, tab, session_id)
})

t.test('the server answers 503, and a proxy has its own words', async (t) => {
  const site = await startSite(t)
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  const answers = [
    { status: 502, contentType: 'text/html', body: '<h1>Bad Gateway</h1>' },
    { status: 401, contentType: 'text/plain', body: 'Proxy authentication' }
  ]
  await profile.context.route('**/auth/refresh', async (route) => {
    const answer = answers.shift()
    await (answer ? route.fulfill(answer) : route.continue())
  })
  t.type(await tab.refresh(), 'number')
  t.same(answers, [])
  await stillIn(t, site, tab, session_id)
})

/** Runs in the page, which has nothing of this file: no helper of the compiler either, as named arrows need. */
function moveClock(ms: number) {
  const { now } = Date
  Date.now = () => now() + ms
  window.Date = new Proxy(Date, {
    construct(target, given: [] | [number]) {
      return given.length === 0 ? new target(Date.now()) : new target(...given)
    }
  })
}

t.test('the clock of the system is off by a day, either way', async (t) => {
  const site = await startSite(t, { ACCESS_TOKEN_TTL: 5 })
  await Promise.all(
    [-1, 1].map(async (days) => {
      const profile = await Profile.make(browser, site)
      const { tab, session_id } = await profile.signUp()
      await tab.page.evaluate(moveClock, days * 86_400_000)
      const skew = await tab.page.evaluate(() =>
        Math.round((Date.now() - performance.timeOrigin) / 86_400_000)
      )
      t.equal(skew, days)
      await tab.told('refreshed', 2)
      const asked = profile.urls.filter((url) => url.endsWith('/auth/refresh')).length
      t.ok(asked <= 4, 'no more often than else')
      await stillIn(t, site, tab, session_id)
      // So it is from the start of a page.
      await profile.context.addInitScript(moveClock, days * 86_400_000)
      await tab.page.reload()
      await tab.told('refreshed')
      t.equal(await tab.api(), 200)
      t.equal(await tab.count('signed_out'), 0)
    })
  )
})
