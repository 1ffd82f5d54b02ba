import type { User } from '../schemas/tokens.ts'
import type { AuthError } from './auth-error.ts'

/** Who is signed in, as far as is known. A new object for every change, never changed itself; holds no token. */
export type AuthState = Unknown | SignedIn | SignedOut

/** Before the first answer: the page has just been loaded, or the server can't be reached. */
export interface Unknown {
  readonly status: 'unknown'
}

export interface SignedIn {
  readonly status: 'signed_in'
  readonly user: User
  readonly session_id: string
  /** When the access token expires, in ms on the clock of `performance.now()`. */
  readonly expires_at: number
  /** Its whole life, in seconds. */
  readonly expires_in: number
}

export interface SignedOut {
  readonly status: 'signed_out'
  /** `logout`, `logout_all`, or the code of the server's refusal, such as `refresh_token_reused`. */
  readonly reason: string
}

type From = 'this_tab' | 'other_tab'

interface Renewed<Type extends 'signed_in' | 'refreshed'> {
  readonly type: Type
  readonly state: SignedIn
  /** `refresh`: by the cookie, which is also how a page that is loaded anew finds its session. */
  readonly by: 'login' | 'signup' | 'refresh'
  /** What a refresh came to: a new head of the session, or the one that there was, given again. */
  readonly verdict: 'rotated' | 'replayed' | undefined
  readonly from: From
}

/** Another session than before, perhaps of another user. */
export type SignedInChange = Renewed<'signed_in'>

/** The same session has a new access token. */
export type RefreshedChange = Renewed<'refreshed'>

export interface SignedOutChange {
  readonly type: 'signed_out'
  readonly state: SignedOut
  /** The refusal, where it was one. */
  readonly error: AuthError | undefined
  readonly from: From
}

/** A refresh failed for now. The session is kept. */
export interface DelayedChange {
  readonly type: 'delayed'
  readonly state: AuthState
  readonly error: AuthError
  /** Seconds until the next try. */
  readonly retry_in: number
}

/** What `onChange` is told. `from` says which tab did it. */
export type AuthChange = SignedInChange | RefreshedChange | SignedOutChange | DelayedChange

export type AuthListener = (change: AuthChange) => void
