import type { TokenAnswer } from '../schemas/tokens.ts'

/** How somebody was signed in; `refresh` is by the cookie, as when a page is loaded anew. */
export type SignedInBy = 'login' | 'signup' | 'refresh'

/** What the tabs of one origin tell each other. */
export type TabMessage =
  /** A tab that was just opened: who has a session? */
  | { type: 'ask' }
  /** The newest answer, and the ms that its access token has left: tabs share no clock. */
  | { type: 'session'; answer: TokenAnswer; left: number; by: SignedInBy }
  | { type: 'ended'; session_id: string | undefined; reason: string }
  /** A login or logout is under way: a refresh now would race with its cookie. */
  | { type: 'hold' }
  /** It came to nothing. */
  | { type: 'go' }
