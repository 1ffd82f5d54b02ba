// The page that links in mails lead to, in a real browser: it does nothing until somebody presses its button.
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { password, signUp } from '../helper.ts'
import { until } from '../stores/until.ts'
import { barriers } from './barriers.ts'
import { launch } from './browser.ts'
import { startDevelopment } from './development.ts'

const browser = await launch(t)

async function start(t: Test, env = {}) {
  const { app, url } = await startDevelopment(t, env)
  const context = await browser.newContext({ viewport: { width: 320, height: 640 } })
  t.teardown(() => context.close())
  const complaints: string[] = []
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return { app, page, url, complaints }
}

/** Follows the link of the mail with this subject, as it is shown in the outbox. */
async function follow(page: Page, url: string, subject: string): Promise<string> {
  await page.goto(`${url}/dev/outbox`)
  const mail = page.getByRole('article').filter({ has: page.getByRole('heading', { name: subject }) })
  const link = (await mail.getByRole('link').first().getAttribute('href')) ?? ''
  await page.goto(link)
  return new URLSearchParams(new URL(link).hash.slice(1)).get('token') ?? ''
}

t.test('a new password, and its link once', async (t) => {
  const { app, page, url, complaints } = await start(t)
  const { email } = await signUp(app)
  await app.inject({ method: 'POST', url: '/auth/password/forgot', payload: { email } })
  const asked: string[] = []
  page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`))
  const token = await follow(page, url, 'Choose a new password')
  await page.getByLabel('New password').waitFor()
  t.equal(page.url(), `${url}/auth/confirm`, 'the token is out of sight')
  t.notOk(
    asked.some((line) => line.includes(token) || line.startsWith('POST')),
    'and went nowhere'
  )
  t.same(await barriers(page), [])

  await page.getByLabel('New password').fill('short')
  await page.getByRole('button', { name: 'Change the password' }).click()
  const alert = page.getByRole('alert')
  await until('the alert', async () => (await alert.textContent())?.includes('new_password must NOT'))
  const new_password = 'an entirely new password'
  await page.getByLabel('New password').fill(new_password)
  await page.getByLabel('New password').press('Enter')
  await page.getByRole('heading', { name: 'Your password was changed' }).waitFor()
  t.equal(await page.locator(':focus').textContent(), 'Your password was changed')
  t.same(await barriers(page), [])
  const login = (chosen: string) =>
    app.inject({ method: 'POST', url: '/auth/login', payload: { email, password: chosen } })
  t.equal((await login(new_password)).statusCode, 200)
  t.equal((await login(password)).statusCode, 401)

  await page.goto('about:blank')
  await page.goto(`${url}/auth/confirm#purpose=password_reset&token=${token}`)
  await page.getByLabel('New password').fill(new_password)
  await page.getByLabel('New password').press('Enter')
  await page.getByRole('heading', { name: 'The link is not valid any more' }).waitFor()
  // The refusals, which Chromium notes by itself.
  t.same(
    [...new Set(complaints)].filter((line) => !line.includes('status of 400')),
    []
  )
})

t.test('an address is confirmed at the press of a button; half a link is said to be one', async (t) => {
  const { app, page, url } = await start(t)
  const { user_id } = await signUp(app)
  const isVerified = async () => (await app.scope.users.findById(user_id))?.email_verified
  await follow(page, url, 'Confirm your email address')
  const button = page.getByRole('button', { name: 'Confirm the address' })
  await button.waitFor()
  t.equal(await isVerified(), false)
  await button.click()
  await page.getByRole('heading', { name: 'Your address is confirmed' }).waitFor()
  t.equal(await isVerified(), true)

  for (const fragment of ['', '#purpose=password_reset', '#purpose=toString&token=x']) {
    await page.goto('about:blank')
    await page.goto(`${url}/auth/confirm${fragment}`)
    await page.getByRole('heading', { name: 'This is not a whole link' }).waitFor()
  }
})

t.test('a sign-up is finished with its password, and logs in', async (t) => {
  const { app, page, url } = await start(t, { SIGNUP_CONFIRM: true })
  await app.inject({ method: 'POST', url: '/auth/signup', payload: { email: 'ada@example.com', password } })
  await follow(page, url, 'Finish signing up')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Make the account' }).click()
  await page.getByRole('heading', { name: 'Welcome' }).waitFor()
  const cookies = await page.context().cookies(url)
  t.ok(cookies.some(({ name, httpOnly }) => name === '__Host-refresh_token' && httpOnly))
})
