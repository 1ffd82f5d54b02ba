// The demo page in a real browser: what it shows is what happens, and everybody can use it.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { BrowserContextOptions, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { makeStores, password, startNode, type App } from '../helper.ts'
import { root } from '../server/process.ts'
import { until } from '../stores/until.ts'
import { barriers } from './barriers.ts'
import { launch } from './browser.ts'

const browser = await launch(t)
await promisify(execFile)('npx', ['tsx', 'scripts/build-demo.ts'], { cwd: root })

const isHidden = (page: Page, id: string) => page.locator(`#${id}`).isHidden()
const tags = (page: Page) => page.locator('#log .tag').allTextContents()
const has = (page: Page, tag: string) =>
  until(`the log to have "${tag}"`, async () => (await tags(page)).includes(tag))

async function start(t: Test, env = {}) {
  const app = await startNode(await makeStores(t), { DEMO: 'true', REFRESH_RATE: 0, ...env })
  t.teardown(() => app.close())
  const url = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('127.0.0.1', 'localhost')
  return { app, url }
}

/** A browser profile with the page in it. */
async function open(t: Test, url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options)
  t.teardown(() => context.close())
  const complaints: string[] = []
  const newPage = async () => {
    const page = await context.newPage()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(url)
    await until(
      'the page to know who is signed in',
      async () => (await isHidden(page, 'sign-in')) !== (await isHidden(page, 'signed-in'))
    )
    return page
  }
  const page = await newPage()
  return { context, page, newPage, complaints }
}

async function signUp(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Fill in an example' }).click()
  const email = await page.getByLabel('Email').inputValue()
  await page.getByRole('button', { name: 'Sign up' }).click()
  await has(page, 'signed in')
  return email
}

const endings = async ({ stores }: App) =>
  (
    await stores.pool.query<{ reason: string | null }>(
      'SELECT revoked_reason AS reason FROM sessions ORDER BY created_at'
    )
  ).rows.map(({ reason }) => reason)

t.test('a refresh by itself, one at a click, two tabs at once, and no token to be seen', async (t) => {
  const { app, url } = await start(t, { ACCESS_TOKEN_TTL: 5 })
  const { context, page, complaints } = await open(t, url)
  const answered = page.waitForResponse((response) => response.url().endsWith('/auth/signup'))
  await signUp(page)
  const { access_token } = (await (await answered).json()) as { access_token: string }
  await has(page, 'rotated')

  const before = (await tags(page)).length
  await page.getByRole('button', { name: 'Refresh now' }).click()
  await until('another line', async () => (await tags(page)).length > before)
  await page.getByRole('button', { name: 'Two tabs at once' }).click()
  for (const tab of ['Tab A', 'Tab B']) await page.locator('#log li', { hasText: tab }).waitFor()
  t.equal(await isHidden(page, 'signed-in'), false)
  t.same(await endings(app), [null])

  const cookies = await context.cookies(url)
  const refreshToken = cookies.find(({ name }) => name === '__Host-refresh_token')
  t.match(refreshToken, { httpOnly: true, secure: true, sameSite: 'Strict', path: '/' })
  const seen =
    (await page.content()) +
    (await page.evaluate(() =>
      JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])
    ))
  for (const token of [access_token, refreshToken?.value ?? '']) {
    const [, , signature = ''] = token.split('.')
    t.match(signature, /^[\w-]{40,}$/)
    t.notOk(seen.includes(signature))
  }
  // Before anybody has signed in, the first refresh is a 401, which Chromium notes by itself.
  t.same(
    [...new Set(complaints)],
    ['Failed to load resource: the server responded with a status of 401 (Unauthorized)']
  )
})

t.test('sessions elsewhere are listed, and ended', async (t) => {
  const { app, url } = await start(t)
  const { page } = await open(t, url)
  const email = await signUp(page)
  const phone = { 'content-type': 'application/json', 'user-agent': 'Mozilla/5.0 (iPhone) Safari/604.1' }
  await fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: phone,
    body: JSON.stringify({ email, password: 'correct horse battery staple' })
  })
  const end = page.getByRole('button', { name: 'End Safari on iPhone' })
  await end.waitFor()
  await end.press('Enter')
  await end.waitFor({ state: 'detached' })
  t.equal(await page.locator(':focus').textContent(), 'Your sessions', 'the focus is not lost')
  t.same(await endings(app), [null, 'ended_by_user'])
})

t.test('all tabs follow', async (t) => {
  const { url } = await start(t)
  const { page, newPage } = await open(t, url)
  await signUp(page)
  const second = await newPage()
  await second.getByRole('button', { name: 'Refresh now' }).click()
  await has(page, 'taken over')
  await second.getByRole('button', { name: 'Log out', exact: true }).click()
  for (const tab of [page, second]) await tab.getByRole('button', { name: 'Log in' }).waitFor()
  t.ok(await isHidden(page, 'over'), 'who logged out is not told that the session is over')
})

t.test('a theft is caught, told, and in the record', async (t) => {
  const { app, url } = await start(t)
  const { page } = await open(t, url)
  await signUp(page)
  await page.getByRole('button', { name: 'Steal this session' }).click()
  const over = page.getByRole('region', { name: 'The session is over' })
  await over.getByRole('table').waitFor()
  t.equal(await page.locator(':focus').textContent(), 'The session is over')
  t.match(
    await over.textContent(),
    /^\s*The session is over\s*refresh_token_reused: A refresh token that had been exchanged/
  )
  t.match(await over.getByRole('row').last().textContent(), /A thief.*token 1.*401 refresh_token_reused/)
  t.match(
    await over.locator('pre').textContent(),
    /refresh_token_reused from 203\.0\.113\.66.*\n.*session_revoked \(reused\)/
  )
  t.ok((await tags(page)).includes('refresh_token_reused'))
  t.same(await endings(app), ['reused'])
})

t.test('what is wrong with a form is said', async (t) => {
  const { url } = await start(t)
  const { page } = await open(t, url)
  await page.getByLabel('Email').fill('ada@example.com')
  await page.getByLabel('Password', { exact: true }).fill('short')
  await page.getByLabel('Password', { exact: true }).press('Enter')
  const alert = page.getByRole('alert')
  await until('the alert', async () => (await alert.textContent())?.includes('password must NOT have fewer'))
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Log in' }).press('Enter')
  await until('the alert', async () => (await alert.textContent())?.includes('There is no account'))
  // With the keyboard alone.
  await page.getByLabel('Email').press('Enter')
  await has(page, 'signed in')
  t.equal(await page.locator(':focus').textContent(), 'Signed in')
})

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`no barriers, ${colorScheme}, narrow and without motion`, async (t) => {
    const { url } = await start(t)
    const { page } = await open(t, url, {
      colorScheme,
      reducedMotion: 'reduce',
      viewport: { width: 320, height: 640 }
    })
    const check = async (where: string) => {
      t.same(await barriers(page), [], where)
      t.equal(
        await page.evaluate(() => document.documentElement.scrollWidth),
        320,
        `${where}: nothing is beside the page`
      )
    }
    await check('signed out')
    await signUp(page)
    await page.getByText('this session', { exact: true }).waitFor()
    await check('signed in')
    const meter = page.getByRole('meter', { name: 'Life that the access token has left' })
    t.match(await meter.getAttribute('aria-valuetext'), /^1[45] min.* left$/)
    const moving = () => page.evaluate(() => document.getAnimations().length)
    t.equal(await moving(), 0)
    await page.emulateMedia({ reducedMotion: 'no-preference' })
    await until('the bar to move', async () => (await moving()) === 1)
    await page.getByRole('button', { name: 'Steal this session' }).click()
    await page.getByRole('table').waitFor()
    await check('after a theft')
  })
}
