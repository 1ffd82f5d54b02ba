import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContext, type CDPSession, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { password } from '../helper.ts'
import { until } from '../stores/until.ts'
import type { Site } from './site.ts'

const executablePath = '/usr/bin/chromium'
const args = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync']
]

let people = 0

/** Chromium, until the end of the test. Without it the test fails. */
export async function launch(t: Test): Promise<Browser> {
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing, and these tests need it: apt-get install -y chromium`)
  }
  const browser = await chromium.launch({ executablePath, args })
  t.teardown(() => browser.close())
  return browser
}

/** A browser profile of its own: cookies, storage, tabs. */
export class Profile {
  readonly context: BrowserContext
  readonly #site: Site
  /** What any of its pages printed to the console, or threw. */
  readonly console: string[] = []

  constructor(context: BrowserContext, site: Site) {
    this.context = context
    this.#site = site
  }

  static async make(browser: Browser, site: Site): Promise<Profile> {
    return new Profile(await browser.newContext(), site)
  }

  /** A tab on the page of the site, as soon as it knows who is signed in. */
  async open(): Promise<Tab> {
    const page = await this.context.newPage()
    page.on('console', (message) => this.console.push(message.text()))
    page.on('pageerror', (error) => this.console.push(error.message))
    await page.goto(this.#site.url)
    const tab = new Tab(page, await this.context.newCDPSession(page))
    await tab.known()
    return tab
  }

  /** A tab in which somebody new has signed up. */
  async signUp(): Promise<{ tab: Tab; email: string; session_id: string }> {
    people += 1
    const email = `person-${String(people)}@example.com`
    const tab = await this.open()
    const { state } = await tab.page.evaluate(
      async (account) => {
        await window.client.signup(account)
        return { state: window.client.state }
      },
      { email, password }
    )
    return { tab, email, session_id: state.status === 'signed_in' ? state.session_id : '' }
  }

  async refreshCookie() {
    const cookies = await this.context.cookies(this.#site.url)
    return cookies.find(({ name }) => name === '__Host-refresh_token')
  }
}

export class Tab {
  readonly page: Page
  readonly cdp: CDPSession

  constructor(page: Page, cdp: CDPSession) {
    this.page = page
    this.cdp = cdp
  }

  /** Waits until the page knows who is signed in. */
  known() {
    return until('the page to know who is signed in', async () => (await this.state()).status !== 'unknown')
  }

  state() {
    return this.page.evaluate(() => window.client.state)
  }

  changes() {
    return this.page.evaluate(() => window.changes.map(({ type }) => type))
  }

  count(type: string) {
    return this.page.evaluate((type) => window.changes.filter((change) => change.type === type).length, type)
  }

  /** Status of a call of the app's own API. */
  async api(): Promise<number> {
    return this.page.evaluate(async () => (await window.client.fetch('/api/me')).status)
  }
}
