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

/** What `onChange` is told. `from` says which tab did it. */
export type AuthChange =
  | {
      readonly type: 'signed_in'
      readonly state: SignedIn
      /** `refresh`: by the cookie, as when a page is loaded anew. */
      readonly by: 'login' | 'signup' | 'refresh'
      readonly from: 'this_tab' | 'other_tab'
    }
  | {
      readonly type: 'refreshed'
      readonly state: SignedIn
      /** What the server made of it: a new head, or the one that there was, given again. */
      readonly verdict: 'rotated' | 'replayed' | undefined
      readonly from: 'this_tab' | 'other_tab'
    }
  | {
      readonly type: 'signed_out'
      readonly state: SignedOut
      /** The refusal, where it was one. */
      readonly error: AuthError | undefined
      readonly from: 'this_tab' | 'other_tab'
    }
  /** A refresh failed for now. The session is kept, and the next try is in `retry_in` seconds. */
  | {
      readonly type: 'delayed'
      readonly state: AuthState
      readonly error: AuthError
      readonly retry_in: number
    }

export type AuthListener = (change: AuthChange) => void
