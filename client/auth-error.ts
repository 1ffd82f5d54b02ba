import type { ProblemDetails } from '../schemas/common.ts'

/** What a refusal asks of the app: try again later, show the login, or mend the call. */
export type AuthAction = ProblemDetails['action']

/** Codes of what never reached the server, or did not come from it. The server's own are in docs/http-api.md. */
export type ClientErrorCode =
  | 'invalid_options'
  | 'insecure_base_url'
  | 'cross_site_base_url'
  | 'not_signed_in'
  | 'network_error'
  | 'timeout'
  | 'unexpected_answer'
  | 'closed'

interface AuthErrorDetails extends Partial<Omit<ProblemDetails, 'status'>> {
  status?: number | undefined
  retryAfter?: number | undefined
  cause?: unknown
}

/** A refusal of the server (RFC 9457), or trouble on the way to it. `message` is for people. */
export class AuthError extends Error {
  /** Stable: of the server's registry, or a `ClientErrorCode`. */
  declare readonly code: ClientErrorCode | (string & Record<never, never>)
  /** `reauthenticate` is the only one that means that the session is over. */
  declare readonly action: AuthAction
  /** HTTP status, where there was an answer. */
  declare readonly status: number | undefined
  /** Seconds that the server asked to wait. */
  declare readonly retryAfter: number | undefined
  /** The invalid fields, where the server named them. */
  declare readonly errors: ProblemDetails['errors']
  /** Under which the server has logged the request. */
  declare readonly request_id: string | undefined

  static {
    // Before one is made, so that stacks have it too.
    this.prototype.name = 'AuthError'
  }

  constructor(code: AuthError['code'], message: string, details: AuthErrorDetails = {}) {
    super(message, details)
    Object.assign(this, { action: 'none' }, details, { code })
  }
}
