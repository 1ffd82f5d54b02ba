import type { Session } from '../schemas/auth.ts'
import type { TokenAnswer, User } from '../schemas/tokens.ts'
import { createAsk } from './ask.ts'
import { AuthError } from './auth-error.ts'
import type { AuthListener, AuthState } from './auth-state.ts'
import { createAuthorizedFetch } from './authorized-fetch.ts'
import { checkBaseUrl, urlOf } from './base-url.ts'
import { createSessionKeeper } from './session-keeper.ts'

export interface AuthClientOptions {
  /** Where Latchkey is: an absolute URL, or one relative to the page, such as `/account`. */
  baseUrl: string
  /** Origins, besides that of `baseUrl`, which `fetch` gives the access token to. Default: none. */
  tokenOrigins?: readonly string[]
  /** ms that one request to Latchkey may take, and that a call waits for an access token. Default: 10,000. */
  timeout?: number
  /** `baseUrl` is another site than the page, and the server has `COOKIE_SAMESITE=none`. Default: false. */
  crossSite?: boolean
}

export interface Credentials {
  email: string
  password: string
}

/** Every function can be used without its object. Those that return a promise reject with `AuthError`. */
export interface AuthClient {
  /** Makes an account and signs in. With `SIGNUP_CONFIRM` rejects with `status` 202: the mail says the rest. */
  readonly signup: (account: Credentials & { name?: string }) => Promise<User>
  readonly login: (credentials: Credentials) => Promise<User>
  /** Ends the session, in every tab. Resolves once the server has ended it; where it can't, nothing changes. */
  readonly logout: () => Promise<void>
  /** Ends every session of the user, on all devices. */
  readonly logoutAll: () => Promise<void>
  readonly sessions: {
    /** The live sessions of the user, the last used first. */
    readonly list: () => Promise<Session[]>
    /** @param label null takes the name away */
    readonly rename: (id: string, label: string | null) => Promise<Session>
    readonly end: (id: string) => Promise<void>
    readonly endOthers: () => Promise<void>
  }
  /** What needs a login of the last minutes rejects with `insufficient_user_authentication`: then `reauthenticate`. */
  readonly account: {
    /** Proves by the password who is here. The access token says so until it is refreshed. */
    readonly reauthenticate: (password: string) => Promise<void>
    /** Needs a recent login. Ends every other session. */
    readonly changePassword: (passwords: { current_password: string; new_password: string }) => Promise<void>
    /** Needs a recent login. Deletes the account, and ends every session. */
    readonly remove: () => Promise<void>
  }
  /**
   * An access token that is good for now, for who sends requests by other means than `fetch`.
   * @param options.refused an access token that was answered with a 401: another one is given
   */
  readonly getAccessToken: (options?: { refused?: string; signal?: AbortSignal }) => Promise<string>
  /** Exchanges the refresh token now, so that the new access token says what the user may do now. */
  readonly refresh: () => Promise<string>
  /**
   * As the `fetch` of the page. Requests to the origin of `baseUrl` and to `tokenOrigins` get the access token,
   * and where that is answered with 401, go once more with a new one. All others are left as they are.
   */
  readonly fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>
  /** Who is signed in, or null, once that is known. */
  readonly user: () => Promise<User | null>
  /** The same as far as it is known now, without waiting. */
  readonly state: AuthState
  /** @returns what ends the subscription */
  readonly onChange: (listener: AuthListener) => () => void
  /** Ends timers and subscriptions. The session stays. */
  readonly close: () => void
}

/**
 * A client of one Latchkey server. It does nothing until its first call.
 * @throws AuthError where the options can't work, saying why
 */
export function createAuthClient(options: AuthClientOptions): AuthClient {
  const { tokenOrigins = [], timeout = 10_000, crossSite = false } = options ?? {}
  const baseUrl = checkBaseUrl(options?.baseUrl, crossSite)
  if (!(timeout > 0)) throw new AuthError('invalid_options', 'timeout must be above 0 ms.')
  const origins = [baseUrl, ...tokenOrigins].map((url) => urlOf('tokenOrigins', url).origin)
  const ask = createAsk(baseUrl, timeout)
  const keeper = createSessionKeeper(`latchkey:${baseUrl}`, ask, timeout)
  const send = createAuthorizedFetch(keeper, new Set(origins))

  const signIn = (by: 'login' | 'signup', body: Credentials) =>
    keeper.change(async () => {
      const sent = performance.now()
      const answer = await ask<TokenAnswer>(by, { body, wanted: 'expires_in' })
      keeper.accept(answer, sent, by)
      return answer.user
    })

  /** With the access token. */
  const asUser = <Answer = void>(path: string, method?: string, body?: unknown, wanted?: string) =>
    ask<Answer>(path, { method, body, wanted, send })

  return {
    signup: (account) => signIn('signup', account),
    login: (credentials) => signIn('login', credentials),
    logout: () =>
      keeper.change(async () => {
        await ask('logout')
        keeper.end('logout')
      }),
    logoutAll: async () => {
      await asUser('logout/all')
      keeper.end('logout_all')
    },
    sessions: {
      list: async () =>
        (await asUser<{ sessions: Session[] }>('sessions', 'GET', undefined, 'sessions')).sessions,
      rename: (id, label) => asUser<Session>(`sessions/${id}`, 'PATCH', { label }, 'id'),
      end: async (id) => {
        await asUser(`sessions/${id}`, 'DELETE')
        const state = keeper.state()
        // It was this one: the server says so at a refresh, and takes the cookie away.
        if (state.status === 'signed_in' && state.session_id === id) keeper.expire()
      },
      endOthers: () => asUser('sessions', 'DELETE')
    },
    account: {
      reauthenticate: async (password) => {
        const sent = performance.now()
        const answer = await asUser<TokenAnswer>('reauthenticate', 'POST', { password }, 'expires_in')
        keeper.accept(answer, sent, 'refresh')
      },
      changePassword: (body) => asUser('password', 'POST', body),
      remove: async () => {
        await asUser('me', 'DELETE')
        keeper.end('account_deleted')
      }
    },
    getAccessToken: ({ refused, signal } = {}) => keeper.token(refused, signal),
    refresh: keeper.renew,
    fetch: send,
    user: keeper.user,
    get state() {
      return keeper.state()
    },
    onChange: keeper.subscribe,
    close: keeper.close
  }
}
