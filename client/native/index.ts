import type { LoginBody, SignupBody } from '../../schemas/auth.ts'
import type { TokenAnswer, User } from '../../schemas/tokens.ts'
import { AuthError } from '../auth-error.ts'
import { pause, post, type Call } from './request.ts'
import { readKept, type Kept, type NativeStorage } from './storage.ts'

export { AuthError } from '../auth-error.ts'
export type { NativeStorage } from './storage.ts'
export type { User } from '../../schemas/tokens.ts'

export interface NativeAuthClientOptions {
  /** Where Latchkey is, its prefix included: `https://auth.example.com`. */
  baseUrl: string
  /** Where the session is kept. One client to a storage. */
  storage: NativeStorage
  /** Names this installation, sent as `X-Device-Id`: signing in again then replaces its session. 1 to 200 visible ASCII characters, kept by the app. */
  deviceId?: string
  /** Other addresses whose requests get the access token. Default: none but `baseUrl`. */
  apiUrls?: readonly string[]
  /** Seconds for which a refresh is tried again before its callers are told. Default: 30. */
  patience?: number
  /** Seconds that one request may take. Default: 10. */
  timeout?: number
  /** Random and not to be guessed. Default: `crypto.randomUUID`, which React Native has from a package such as expo-crypto. */
  randomId?: () => string
}

export interface NativeAuthClient {
  /** @throws AuthError, such as `email_taken` */
  signup(account: SignupBody): Promise<User>
  /** @throws AuthError, such as `invalid_credentials` */
  login(credentials: LoginBody): Promise<User>
  /** Forgets the session on this device in any case. @throws AuthError with `action: retry` where the server could not be told */
  logout(): Promise<void>
  /** The user of the session that is kept, or null. Asks no server. */
  user(): Promise<User | null>
  /** An access token that is good for a while: the one at hand, or a new one. @throws AuthError; the session is over only where its `action` is `reauthenticate` */
  getAccessToken(): Promise<string>
  /** Exchanges the refresh token although the access token is still good, say after a change of role. @throws as getAccessToken */
  refresh(): Promise<string>
  /** `fetch` with the access token; after a 401, once more with a new one. @throws as getAccessToken */
  fetch(url: string, init?: RequestInit): Promise<Response>
}

/** ms before its end at which an access token is no longer used, at most a third of its life. */
const margin = 30_000

/**
 * A client for apps that are no browser: the refresh token comes in the body and goes back as bearer (RFC 6750).
 * Beside every refresh token the storage holds the Idempotency-Key that it will be exchanged with, and a new
 * token is stored before it is used. So an app may be killed at any moment: at its next start it asks the same
 * again, and is given the same answer. Does NOT notice a session that another process writes to the storage.
 */
export function createNativeAuthClient(options: NativeAuthClientOptions): NativeAuthClient {
  const { storage, deviceId, apiUrls = [], patience = 30, timeout = 10 } = options
  const baseUrl = withoutSlash(options.baseUrl, 'baseUrl')
  const withToken = [baseUrl, ...apiUrls.map((url) => withoutSlash(url, 'apiUrls'))]
  const randomId = options.randomId ?? defaultRandomId()
  const device: Record<string, string> = deviceId === undefined ? {} : { 'x-device-id': deviceId }

  /** undefined: not read yet */
  let kept: Kept | null | undefined
  let access: { token: string; usable_until: number } | undefined
  let refreshing: Promise<string> | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let current = new AbortController()
  let failures = 0
  let failure: AuthError | undefined
  let notBefore = 0

  /** One change of the session at a time. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work)
    turn = result.catch(() => undefined)
    return result
  }

  /** A sign-in or sign-out: what is under way is given up, and a late answer to it dropped. */
  const instead = <Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> => {
    current.abort()
    current = new AbortController()
    const { signal } = current
    refreshing = undefined
    access = undefined
    return inTurn(() => work(signal))
  }

  const load = async () => {
    if (kept !== undefined) return kept
    const read = readKept(await storage.get())
    // A sign-in may have been quicker.
    return (kept ??= read)
  }

  const ask = (path: string, { headers, ...call }: Omit<Call, 'timeout'>) =>
    post(`${baseUrl}/auth/${path}`, { timeout, headers: { ...device, ...headers }, ...call })

  /** Stored first, used afterwards; in one write with the key of the next exchange. */
  const keep = async (answer: unknown, signal: AbortSignal) => {
    if (signal.aborted) throw superseded()
    const { refresh_token, session_id, user, access_token, expires_in } = answer as TokenAnswer
    if (!refresh_token || !access_token || !expires_in || !user)
      throw new AuthError('unexpected_answer', 'The answer has no tokens.', { action: 'retry' })
    const next = { refresh_token, idempotency_key: randomId(), session_id, user }
    await storage.set(JSON.stringify(next))
    kept = next
    const life = expires_in * 1000
    access = { token: access_token, usable_until: performance.now() + life - Math.min(margin, life / 3) }
    return { user, access_token }
  }

  const forget = async () => {
    access = undefined
    await storage.set('')
    kept = null
  }

  const exchange = async (signal: AbortSignal): Promise<string> => {
    const { refresh_token, idempotency_key } = (await load()) ?? nobody()
    const headers = { authorization: `Bearer ${refresh_token}`, 'idempotency-key': idempotency_key }
    const deadline = performance.now() + patience * 1000
    for (;;) {
      if (failure && notBefore > deadline) throw failure
      await pause(notBefore - performance.now(), signal)
      try {
        const { access_token } = await keep(await ask('refresh', { headers, signal }), signal)
        failures = 0
        return access_token
      } catch (error) {
        if (signal.aborted) throw superseded()
        if (!(error instanceof AuthError) || error.action === 'none') throw error
        if (error.action === 'reauthenticate') {
          await forget()
          throw error
        }
        // At random, so that those who were refused at once do not come back at once.
        const backoff = Math.random() * Math.min(30_000, 500 * 2 ** failures)
        failure = error
        failures += 1
        notBefore = performance.now() + Math.max(backoff, (error.retryAfter ?? 0) * 1000)
      }
    }
  }

  const signIn = (path: string, body: object) =>
    instead(async (signal) => {
      const answer = await ask(path, { headers: { 'x-client': 'native' }, body, signal })
      return (await keep(answer, signal)).user
    })

  const client: NativeAuthClient = {
    signup: (account) => signIn('signup', account),
    login: (credentials) => signIn('login', credentials),

    logout: () =>
      instead(async (signal) => {
        const token = (await load().catch(() => null))?.refresh_token
        await forget()
        if (token) await ask('logout', { headers: { authorization: `Bearer ${token}` }, signal })
      }),

    user: async () => (await load())?.user ?? null,

    async getAccessToken() {
      if (access && performance.now() < access.usable_until) return access.token
      return client.refresh()
    },

    // Whoever asks while a refresh is under way waits for that one.
    refresh() {
      const { signal } = current
      return (refreshing ??= inTurn(() => exchange(signal))
        .catch((error: unknown) => {
          // Another session took its place, or none.
          if (signal.aborted) return client.getAccessToken()
          throw error
        })
        .finally(() => {
          if (current.signal === signal) refreshing = undefined
        }))
    },

    async fetch(url, init) {
      if (!withToken.some((place) => url === place || url.startsWith(`${place}/`)))
        throw new TypeError(
          `${url} is neither under baseUrl nor under one of apiUrls: it gets no access token`
        )
      const request = new Request(url, init)
      const send = (token: string) => {
        const once = request.clone()
        once.headers.set('authorization', `Bearer ${token}`)
        return fetch(once)
      }
      const token = await client.getAccessToken()
      const response = await send(token)
      if (response.status !== 401) return response
      if (access?.token === token) access = undefined
      return send(await client.getAccessToken())
    }
  }
  return client
}

const nobody = (): never => {
  throw new AuthError('not_signed_in', 'Nobody is signed in: call login or signup first.', {
    action: 'reauthenticate'
  })
}

const superseded = () => new AuthError('superseded', 'Somebody signed in or out meanwhile.')

function withoutSlash(url: string | undefined, name: string): string {
  if (!url || !/^https?:\/\/[^/]/.test(url))
    throw new TypeError(`${name} must be a URL such as https://auth.example.com`)
  return url.replace(/\/+$/, '')
}

function defaultRandomId(): () => string {
  if (!('crypto' in globalThis) || !('randomUUID' in crypto))
    throw new TypeError('There is no crypto.randomUUID here: pass randomId, for example that of expo-crypto')
  return () => crypto.randomUUID()
}
