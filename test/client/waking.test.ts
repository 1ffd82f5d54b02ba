// Pages are hidden, shown, frozen, kept for the way back, and come back online.
import t, { type Test } from 'tap'
import { refreshCookie, signUp } from '../helper.ts'
import { until } from '../stores/until.ts'
import { Browser, offline, online, serve } from './browser.ts'

const app = await serve(t)

/** What a window tells, and whether it is seen. */
function openWindow(t: Test) {
  const target = new EventTarget()
  const document = { visibilityState: 'visible' }
  Object.assign(globalThis, { document, addEventListener: target.addEventListener.bind(target) })
  t.teardown(() => {
    Reflect.deleteProperty(globalThis, 'document')
    Reflect.deleteProperty(globalThis, 'addEventListener')
  })
  const tell = (name: string, details: object = {}) =>
    target.dispatchEvent(Object.assign(new Event(name), details))
  return {
    tell,
    show: (visibilityState: 'visible' | 'hidden') => {
      document.visibilityState = visibilityState
      tell('visibilitychange')
    }
  }
}

t.test('a hidden page leaves its session idle, and refreshes when it is shown or asked', async (t) => {
  const { show } = openWindow(t)
  const browser = Browser.start(t, await serve(t, { ACCESS_TOKEN_TTL: 1 }))
  const { client, changed, changes, session_id } = await browser.signUp()
  show('hidden')
  const { state } = client
  await until(
    'the token to be over',
    async () => state.status !== 'signed_in' || state.expires_at < performance.now()
  )
  await until(
    'some more time',
    async () => state.status !== 'signed_in' || state.expires_at + 1000 < performance.now()
  )
  t.equal(browser.sent('/auth/refresh').length, 0)
  t.ok(await client.getAccessToken())
  t.equal(await browser.head(session_id), 2)
  t.equal(changes.length, 2)
  show('visible')
  await changed('refreshed', 2)
})

t.test('a page that is shown again refreshes a token that is no longer young', async (t) => {
  const { show } = openWindow(t)
  const browser = Browser.start(t, app)
  const { client, changed } = await browser.signUp()
  await client.refresh()
  show('hidden')
  show('visible')
  t.equal(browser.sent('/auth/refresh').length, 1)
  browser.pass(300_000)
  show('hidden')
  show('visible')
  await changed('refreshed', 2)
})

for (const [name, details] of [
  ['resume', {}],
  ['pageshow', { persisted: true }]
] as const) {
  t.test(`${name}: a page that certainly slept refreshes, as its clock may have stood still`, async (t) => {
    const { tell } = openWindow(t)
    const browser = Browser.start(t, app)
    const { client, changed } = await browser.signUp()
    const before = await client.getAccessToken()
    tell(name, details)
    t.not(await client.getAccessToken(), before, 'nobody is given a token that may be dead')
    await changed('refreshed')
  })
}

t.test('a page out of the back-forward cache finds out that somebody has signed in since', async (t) => {
  const { tell } = openWindow(t)
  const browser = Browser.start(t, app)
  const { client, changed } = browser.open()
  t.equal(await client.user(), null)
  // On another origin of the same site, of which this one hears nothing.
  browser.cookies.set(refreshCookie, (await signUp(app)).refresh_token)
  tell('pageshow', { persisted: false })
  t.equal(browser.sent('/auth/refresh').length, 1)
  tell('pageshow', { persisted: true })
  await changed('signed_in')
})

t.test('online again, a page tries at once what it would have tried later', async (t) => {
  const { tell } = openWindow(t)
  const browser = Browser.start(t, app)
  const { client, changed, changes } = await browser.signUp()
  browser.network = offline
  const waiting = client.refresh()
  await changed('delayed', 3)
  browser.network = online
  const { retry_in } = await changed('delayed', 3)
  t.ok(retry_in >= 2, 'it would have waited')
  const woken = performance.now()
  tell('online')
  t.ok(await waiting)
  t.ok(performance.now() - woken < 1500)
  t.equal(changes.at(-1)?.type, 'refreshed')
})

t.test('but not before the time that the server asked for', async (t) => {
  const { tell } = openWindow(t)
  const browser = Browser.start(t, app)
  const { client, changed } = await browser.signUp()
  browser.network = async (request, pass) => {
    if (browser.sent('/auth/refresh').length > 1) return pass()
    return new Response('{"code":"too_many_refreshes","action":"retry"}', {
      status: 429,
      headers: { 'retry-after': '3' }
    })
  }
  const asked = performance.now()
  const waiting = client.refresh()
  await changed('delayed')
  tell('online')
  tell('resume')
  await waiting
  t.ok(performance.now() - asked >= 3000)
  t.equal(browser.sent('/auth/refresh').length, 2)
})
