// What a page has of its browser, in Node: cookies, storage, visibility, and a network that can be told to fail.
import type { Test } from 'tap'
import {
  createAuthClient,
  type AuthChange,
  type AuthClient,
  type AuthClientOptions
} from '../../client/index.ts'
import { build, password, refreshCookie, type App } from '../helper.ts'
import type { ConfigurationInput } from '../../app.ts'
import { until } from '../stores/until.ts'

/** What the network does with a request: passes it on to the server, or not; gives its answer, or another one. */
export type Network = (request: Request, pass: () => Promise<Response>) => Promise<Response>

export interface Tab {
  client: AuthClient
  changes: AuthChange[]
  /** Waits for a change of the type, counted from the first. */
  changed: <Type extends AuthChange['type']>(
    type: Type,
    times?: number
  ) => Promise<Extract<AuthChange, { type: Type }>>
}

const realFetch = fetch
const realNow = performance.now.bind(performance)
let people = 0

/** A server that listens. */
export async function serve(t: Test, env: ConfigurationInput = {}): Promise<App> {
  const app = await build(t, { REFRESH_RATE: 0, ...env })
  await app.listen({ port: 0, host: '127.0.0.1' })
  // A call that was ended early may leave a connection on which nothing was ever asked.
  t.teardown(() => {
    app.server.closeAllConnections()
  })
  return app
}

/** One browser profile on one server. Only one at a time in a process, as its parts are global. */
export class Browser {
  readonly app: App
  readonly url: string
  readonly cookies = new Map<string, string>()
  readonly storage = new Map<string, string>()
  /** Every request that a page has sent. */
  readonly requests: Request[] = []
  network = online
  readonly #t: Test
  #ahead = 0

  constructor(t: Test, app: App) {
    this.#t = t
    this.app = app
    this.url = app.listeningOrigin
  }

  static start(t: Test, app: App): Browser {
    const browser = new Browser(t, app)
    performance.now = () => realNow() + browser.#ahead
    const { storage } = browser
    const localStorage = {
      getItem: (name: string) => storage.get(name) ?? null,
      setItem: (name: string, value: string) => storage.set(name, value)
    }
    const globals = { fetch: browser.#fetch, localStorage }
    for (const [name, value] of Object.entries(globals)) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
    }
    t.teardown(() => {
      performance.now = realNow
      Object.assign(globalThis, { fetch: realFetch })
      Reflect.deleteProperty(globalThis, 'localStorage')
    })
    return browser
  }

  /** A page of an app that uses the SDK. */
  open(options: Partial<AuthClientOptions> = {}): Tab {
    const client = createAuthClient({ baseUrl: this.url, ...options })
    const changes: AuthChange[] = []
    client.onChange((change) => changes.push(change))
    this.#t.teardown(() => {
      client.close()
    })
    return {
      client,
      changes,
      changed: (type, times = 1) =>
        until(
          `change ${type}`,
          async () => {
            const found = changes.filter((change) => change.type === type)
            return found[times - 1] as Extract<AuthChange, { type: typeof type }> | undefined
          },
          { explain: () => JSON.stringify(changes.map((change) => change.type)) }
        )
    }
  }

  /** A page on which somebody new has signed up. */
  async signUp(options?: Partial<AuthClientOptions>) {
    people += 1
    const email = `tab-${String(people)}@example.com`
    const tab = this.open(options)
    await tab.client.signup({ email, password })
    const { state } = tab.client
    return { ...tab, email, session_id: state.status === 'signed_in' ? state.session_id : '' }
  }

  /** Moves the monotonic clock on. Timers stay where they are, as after a sleep. */
  pass(ms: number): void {
    this.#ahead += ms
  }

  /** Requests of this path that were sent. */
  sent(path: string): Request[] {
    return this.requests.filter(({ url }) => new URL(url).pathname === path)
  }

  async head(session_id: string): Promise<number> {
    const { stores } = this.app
    return Number(await stores.redis.hget(stores.key(session_id), 'gen'))
  }

  get refreshToken() {
    return this.cookies.get(refreshCookie)
  }

  #fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    this.requests.push(request)
    return this.network(request, async () => {
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const sent = new Request(request)
      if (request.credentials === 'include' && cookie !== '') sent.headers.set('cookie', cookie)
      const response = await realFetch(sent)
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === '') this.cookies.delete(name)
        else this.cookies.set(name, value)
      }
      return response
    })
  }
}

export const online: Network = (_request, pass) => pass()

/** A network that fails as told, one request after the other, and then is well. */
export function failing(path: string, ...failures: Network[]): Network {
  return (request, pass) => {
    const failure = new URL(request.url).pathname === path ? failures.shift() : undefined
    return failure ? failure(request, pass) : pass()
  }
}

export const offline: Network = async () => {
  throw new TypeError('fetch failed')
}

/** The server has done it, and its answer is lost, cookies and all. */
export const lost =
  (browser: Browser): Network =>
  async (_request, pass) => {
    const before = new Map(browser.cookies)
    await pass()
    browser.cookies.clear()
    for (const [name, value] of before) browser.cookies.set(name, value)
    throw new TypeError('fetch failed')
  }

export const answer =
  (status: number, body: string, headers: Record<string, string> = {}): Network =>
  async () =>
    new Response(body, { status, headers })
