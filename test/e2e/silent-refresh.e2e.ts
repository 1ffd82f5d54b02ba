// A page's life, and what of it is to be seen from outside.
import t from 'tap'
import { launch, Profile } from './browser.ts'
import { startSite } from './site.ts'

const browser = await launch(t)
const site = await startSite(t, { ACCESS_TOKEN_TTL: 5 })

t.test('a page stays signed in with an access token of 5 seconds, across reloads', async (t) => {
  const profile = await Profile.make(browser, site)
  const { tab, session_id, email } = await profile.signUp()
  const early = await tab.page.evaluate(() => window.client.getAccessToken())
  await tab.told('refreshed', 2)
  t.equal(await tab.api(), 200)
  t.not(await tab.page.evaluate(() => window.client.getAccessToken()), early)
  await tab.page.reload()
  await tab.known()
  t.equal(await tab.page.title(), email)
  await tab.told('refreshed', 1)
  t.equal(await tab.api(), 200)
  t.equal(await tab.count('signed_out'), 0)
  t.same(await site.sessions(), [{ id: session_id, revoked_reason: null }])
})

t.test('a page that makes its calls only now and then is never refused', async (t) => {
  const profile = await Profile.make(browser, site)
  const { tab } = await profile.signUp()
  const statuses = await Promise.all(Array.from({ length: 20 }, () => tab.api()))
  t.same(new Set(statuses), new Set([200]))
})

t.test('the attributes of the cookies, as the browser has them', async (t) => {
  const profile = await Profile.make(browser, site)
  await profile.signUp()
  const cookies = await profile.cookies()
  t.same(cookies.map(({ name }) => name).sort(), ['__Host-device', '__Host-refresh_token'])
  for (const { name, ...attributes } of cookies) {
    t.match(
      attributes,
      { httpOnly: true, secure: true, sameSite: 'Strict', path: '/', domain: 'localhost', session: false },
      name
    )
  }
})

t.test('no token is in storage, in the document, in a URL or in the console', async (t) => {
  const profile = await Profile.make(browser, site)
  const { tab } = await profile.signUp()
  const secrets: string[] = []
  const note = async () => {
    secrets.push(await tab.page.evaluate(() => window.client.getAccessToken()))
    secrets.push((await profile.refreshToken()) ?? '')
  }
  await note()
  await tab.refresh()
  await note()
  await tab.api()
  const second = await profile.open()
  await second.refresh()
  await note()
  t.equal(new Set(secrets).size, 6)
  t.ok(secrets.every((secret) => secret.length > 100))

  const places = await tab.page.evaluate(async () => ({
    localStorage: JSON.stringify(localStorage),
    sessionStorage: JSON.stringify(sessionStorage),
    databases: JSON.stringify(await indexedDB.databases()),
    caches: JSON.stringify(await caches.keys()),
    cookie: document.cookie,
    document: document.documentElement.outerHTML,
    window: JSON.stringify(window.changes) + JSON.stringify(window.client) + window.name,
    history: JSON.stringify(history.state)
  }))
  const shown = { ...places, urls: profile.urls.join('\n'), console: profile.said.join('\n') }
  t.ok(profile.urls.some((url) => url.endsWith('/auth/refresh')))
  for (const [place, content] of Object.entries(shown)) {
    const leaked = secrets.flatMap((secret) => secret.split('.')).filter((part) => content.includes(part))
    t.same(leaked, [], place)
  }
  t.match(places.localStorage, /^\{"latchkey:http:\/\/localhost:\d+":"[\da-f-]{36}"\}$/, 'one random key')
  t.equal(places.sessionStorage, '{}')
  // The browser itself says so of the 401 before the sign-up.
  t.same(
    profile.said.filter((text) => !text.startsWith('Failed to load resource')),
    [],
    'nothing is printed at all, as an object would be without its text here'
  )
})

t.test('a base URL that can not work is refused with the reason', async (t) => {
  const profile = await Profile.make(browser, site)
  const { page } = await profile.open()
  const refusals = await page.evaluate(
    (baseUrls) =>
      baseUrls.map((baseUrl) => {
        try {
          window.createAuthClient({ baseUrl })
          return 'it works'
        } catch (error) {
          return error instanceof Error && 'code' in error ? error.code : String(error)
        }
      }),
    [site.url, '/account', 'http://:', site.url.replace('localhost', '127.0.0.1'), 'http://auth.example.com']
  )
  t.same(refusals, [
    ...['it works', 'it works', 'invalid_options', 'cross_site_base_url', 'insecure_base_url']
  ])
})
