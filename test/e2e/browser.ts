import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { password, refreshCookie } from '../helper.ts'
import { until } from '../stores/until.ts'
import type { Site } from './site.ts'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const args = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync']
]

/** Of the DevTools protocol. */
interface Cookie {
  name: string
  value: string
  domain: string
  path: string
  httpOnly: boolean
  secure: boolean
  session: boolean
  sameSite?: string
}

let people = 0

/** Chromium, until the end of the test. Without it the test fails. */
export async function launch(t: Test): Promise<Browser> {
  if (!existsSync(executablePath)) {
    throw new Error(
      `${executablePath} is missing, and these tests need it: apt-get install -y chromium, or set CHROMIUM`
    )
  }
  const browser = await chromium.launch({ executablePath, args })
  t.teardown(() => browser.close())
  return browser
}

/** A browser profile of its own: cookies, storage, tabs. */
export class Profile {
  readonly context: BrowserContext
  readonly site: Site
  /** What its pages printed to the console, or threw. */
  readonly said: string[] = []
  /** Every URL that they asked for. */
  readonly urls: string[] = []

  constructor(context: BrowserContext, site: Site) {
    this.context = context
    this.site = site
    context.on('console', (message) => this.said.push(message.text()))
    context.on('weberror', (error) => this.said.push(error.error().message))
    context.on('request', (request) => this.urls.push(request.url()))
  }

  static async make(browser: Browser, site: Site): Promise<Profile> {
    return new Profile(await browser.newContext(), site)
  }

  /** A tab on the page of the site, as soon as it knows who is signed in. */
  async open(): Promise<Tab> {
    const tab = new Tab(await this.context.newPage())
    await tab.page.goto(this.site.url)
    await tab.known()
    return tab
  }

  /** A tab in which somebody new has signed up. */
  async signUp() {
    people += 1
    const email = `person-${String(people)}@example.com`
    const tab = await this.open()
    await tab.page.evaluate((account) => window.client.signup(account), { email, password })
    const state = await tab.state()
    if (state.status !== 'signed_in') throw new Error('signup left the page signed out')
    return { tab, email, session_id: state.session_id }
  }

  /** The cookies as Chromium has them, read over its DevTools protocol. */
  async cookies(): Promise<Cookie[]> {
    const [page] = this.context.pages()
    if (!page) throw new Error('no tab is open')
    const cdp = await this.context.newCDPSession(page)
    const { cookies } = await cdp.send('Network.getCookies', { urls: [this.site.url] })
    await cdp.detach()
    return cookies
  }

  async refreshToken(): Promise<string | undefined> {
    return (await this.cookies()).find(({ name }) => name === refreshCookie)?.value
  }
}

export class Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  /** Waits until the page knows who is signed in. */
  known() {
    return until('the page to know who is signed in', async () => (await this.state()).status !== 'unknown')
  }

  state() {
    return this.page.evaluate(() => window.client.state)
  }

  /** The changes that the page was told of, without what has no JSON. */
  changes() {
    return this.page.evaluate(() =>
      window.changes.map((change) => ({
        type: change.type,
        reason: change.state.status === 'signed_out' ? change.state.reason : undefined,
        verdict: 'verdict' in change ? change.verdict : undefined,
        from: 'from' in change ? change.from : undefined
      }))
    )
  }

  async count(type: string): Promise<number> {
    return (await this.changes()).filter((change) => change.type === type).length
  }

  /** Waits until the page was told so, so many times in all. */
  async told(type: string, times = 1, within = 15_000): Promise<void> {
    const explain = () => seen.join(' ')
    let seen: string[] = []
    await until(
      `${type} for the ${String(times)}. time`,
      async () => {
        seen = (await this.changes()).map((change) => change.type)
        return seen.filter((one) => one === type).length >= times
      },
      { within, explain }
    )
  }

  /** A new access token: its length is told, or the code of the refusal. */
  refresh(): Promise<number | string> {
    return this.page.evaluate(() =>
      window.client.refresh().then(
        ({ length }) => length,
        (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error))
      )
    )
  }

  /** Status of a call of the app's own API. */
  api(): Promise<number> {
    return this.page.evaluate(async () => (await window.client.fetch('/api/me')).status)
  }

  logout(): Promise<void> {
    return this.page.evaluate(() => window.client.logout())
  }
}
