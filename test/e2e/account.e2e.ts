// The life of an account on the demo page, in a real browser: every step is one that a person takes there.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { ConfigurationInput } from '../../app.ts'
import { password, type App } from '../helper.ts'
import { root } from '../server/process.ts'
import { until } from '../stores/until.ts'
import { barriers } from './barriers.ts'
import { launch } from './browser.ts'
import { startDevelopment } from './development.ts'

const email = 'ada@example.com'
const [second, third] = ['an entirely new password', 'yet another long password']

const browser = await launch(t)
await promisify(execFile)('npx', ['tsx', 'scripts/build-demo.ts'], { cwd: root })

async function start(t: Test, env: ConfigurationInput = {}) {
  const { app, url } = await startDevelopment(t, { DEMO: 'true', REFRESH_RATE: 0, ...env })
  const context = await browser.newContext({ viewport: { width: 320, height: 640 } })
  context.setDefaultTimeout(8_000)
  t.teardown(() => context.close())
  const complaints: string[] = []
  // What was refused on purpose Chromium notes by itself.
  const note = (text: string) =>
    text.includes('the server responded with a status of 4') || complaints.push(text)
  context.on('console', (message) => note(message.text()))
  context.on('weberror', (error) => note(error.error().message))
  const page = await context.newPage()
  await page.goto(url)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  return { app, page, context, complaints }
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()

async function fill(page: Page, fields: Record<string, string>) {
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(text)
}

async function send(page: Page, button: string, chosen: string) {
  await fill(page, { Email: email, Password: chosen })
  await press(page, button)
}

const signedIn = (page: Page) => page.getByRole('heading', { name: 'Signed in' }).waitFor()
const said = (page: Page, text: string) => page.getByText(text).filter({ visible: true }).waitFor()

/** Goes to the outbox by the link on the page, and by that of the newest mail to the page that it leads to. */
async function openMail(page: Page, context: BrowserContext, subject: string): Promise<Page> {
  const opened = context.waitForEvent('page')
  await page.getByRole('link', { name: 'Open the outbox' }).filter({ visible: true }).click()
  const tab = await opened
  const mails = tab.getByRole('article').filter({ has: tab.getByRole('heading', { name: subject }) })
  await mails.first().getByRole('link').first().click()
  await tab.waitForURL('**/auth/confirm')
  return tab
}

/** Moves the login of every session back, and lets the page know. */
async function growOld({ stores }: App, page: Page) {
  await stores.pool.query("UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes'")
  const refreshed = page.waitForResponse('**/auth/refresh')
  await press(page, 'Refresh now')
  await refreshed
  await until('the page to have it', async () =>
    /^(14 min 5\d s|15 min)/.test((await page.locator('#life-left').textContent()) ?? '')
  )
}

/** A login elsewhere. */
async function logInElsewhere(app: App, chosen: string) {
  const response = await app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: { 'user-agent': 'Mozilla/5.0 (iPhone) Safari/604.1' },
    payload: { email, password: chosen }
  })
  return response.statusCode
}

t.test('from the sign-up to the deletion', async (t) => {
  const { app, page, context, complaints } = await start(t)

  await send(page, 'Sign up', password)
  await signedIn(page)
  await said(page, 'Not confirmed yet.')
  await press(page, 'Send the link again')
  const confirmation = await openMail(page, context, 'Confirm your email address')
  await press(confirmation, 'Confirm the address')
  await confirmation.getByRole('heading', { name: 'Your address is confirmed' }).waitFor()
  await confirmation.close()
  await press(page, 'Refresh now')
  await said(page, 'Confirmed.')
  t.ok(await page.getByRole('button', { name: 'Send the link again' }).isHidden())

  await press(page, 'Log out')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await fill(page, { Email: email })
  await press(page, 'Forgot the password?')
  await said(page, 'If there is an account with this address, a mail was sent.')
  const reset = await openMail(page, context, 'Choose a new password')
  await fill(reset, { 'New password': second })
  await press(reset, 'Change the password')
  await reset.getByRole('heading', { name: 'Your password was changed' }).waitFor()
  await reset.close()
  await send(page, 'Log in', password)
  await said(page, 'There is no account with this email address and password.')
  await send(page, 'Log in', second)
  await signedIn(page)

  t.equal(await logInElsewhere(app, second), 200)
  const end = page.getByRole('button', { name: 'End Safari on iPhone' })
  await end.waitFor()
  t.equal(await page.locator('#devices li').count(), 2)
  await end.click()
  await end.waitFor({ state: 'detached' })
  t.equal(await page.locator('#devices li').count(), 1)

  await growOld(app, page)
  await press(page, 'Delete the account')
  await press(page, 'Keep it')
  await press(page, 'Delete the account')
  t.equal(await page.locator(':focus').textContent(), 'Keep it', 'what does no harm has the focus')
  t.same(await barriers(page), [])
  await press(page, 'Delete it')
  const dialog = page.getByRole('dialog', { name: 'Is it still you?' })
  await dialog.waitFor()
  t.same(await barriers(page), [])
  await fill(page, { 'Your password': password })
  await press(page, 'Go on')
  await said(page, 'This is not your password.')
  await fill(page, { 'Your password': second })
  await press(page, 'Go on')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  t.equal(await page.locator(':focus').textContent(), 'Sign in')
  await said(page, 'The account was deleted, and every session ended.')
  await send(page, 'Log in', second)
  await said(page, 'There is no account with this email address and password.')
  t.same(complaints, [])
})

t.test('who proved the password goes on by themselves, and who did not changes nothing', async (t) => {
  const { app, page, complaints } = await start(t)
  await send(page, 'Sign up', password)
  await signedIn(page)
  t.equal(await logInElsewhere(app, password), 200)
  const end = page.getByRole('button', { name: 'End Safari on iPhone' })
  await end.waitFor()
  await growOld(app, page)

  const dialog = page.getByRole('dialog', { name: 'Is it still you?' })
  await end.click()
  await dialog.waitFor()
  await page.keyboard.press('Escape')
  await said(page, 'This needs a login of the last 600 seconds.')
  t.equal(await end.count(), 1)
  t.ok(await end.evaluate((button) => button === document.activeElement), 'the focus is back')
  await end.click()
  await fill(page, { 'Your password': password })
  await page.keyboard.press('Enter')
  await end.waitFor({ state: 'detached' })

  // The proof is gone with its token, and the form has the password already: no dialog.
  await press(page, 'Refresh now')
  await until(
    'the old token',
    async () => (await page.locator('#log .tag').first().textContent()) === 'rotated'
  )
  await page.getByText('Change the password').click()
  await fill(page, { 'Current password': third, 'New password': second })
  await press(page, 'Change it')
  await said(page, 'This is not your password.')
  await fill(page, { 'Current password': password, 'New password': 'short' })
  await press(page, 'Change it')
  await said(page, 'new_password must NOT have fewer')
  t.same(await barriers(page), [])
  await fill(page, { 'New password': second })
  await press(page, 'Change it')
  await said(page, 'The password was changed, and every other session ended.')
  t.ok(await dialog.isHidden())
  t.equal(await page.getByLabel('Current password').inputValue(), '', 'and is typed nowhere any more')
  t.equal(await logInElsewhere(app, password), 401)
  t.equal(await logInElsewhere(app, second), 200)
  t.same(complaints, [])
})

t.test('password managers know each field, and may paste (OWASP ASVS 5.0 V6.2.6, V6.2.7)', async (t) => {
  const { page, context } = await start(t)
  await send(page, 'Sign up', password)
  await signedIn(page)
  await page.getByText('Change the password').click()
  const fields = await page
    .locator('input')
    .evaluateAll((inputs) =>
      inputs.map((input) => [input.getAttribute('type'), input.getAttribute('autocomplete')].join(' '))
    )
  t.same(fields, [
    ...['email username', 'password current-password'],
    ...['email username', 'password current-password', 'password new-password'],
    ...['email username', 'password current-password']
  ])
  t.same(
    await page
      .locator('input.whose')
      .evaluateAll((inputs) => inputs.map((input) => 'value' in input && input.value)),
    [email, email]
  )
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.evaluate((text) => navigator.clipboard.writeText(text), second)
  for (const label of ['Current password', 'New password']) {
    await page.getByLabel(label).press('Control+v')
    t.equal(await page.getByLabel(label).inputValue(), second)
  }
})

t.test(
  'with SIGNUP_CONFIRM the mail says the rest, and without an address no mail is asked for',
  async (t) => {
    const { page, context, complaints } = await start(t, { SIGNUP_CONFIRM: true })
    await press(page, 'Forgot the password?')
    t.equal(await page.locator(':focus').getAttribute('id'), 'email')
    t.equal(await page.locator('#sign-in-note').textContent(), '')
    await send(page, 'Sign up', password)
    await said(page, 'Look into your mail: the link there makes the account.')
    t.same(await barriers(page), [])
    const confirmation = await openMail(page, context, 'Finish signing up')
    await fill(confirmation, { Password: password })
    await press(confirmation, 'Make the account')
    await confirmation.getByRole('heading', { name: 'Welcome' }).waitFor()
    await page.reload()
    await signedIn(page)
    await said(page, 'Confirmed.')
    t.same(complaints, [])
  }
)
