/** What a client should do about a refusal, so that none ever logs a user out over a hiccup. */
export type ProblemAction = 'retry' | 'reauthenticate' | 'none'

interface ProblemDefinition {
  readonly status: number
  readonly title: string
  readonly action: ProblemAction
}

/**
 * The registry of problem codes: the one place where a code gets its status, its title and what the
 * client should do. The documentation is generated from it.
 */
export const problems = {
  invalid_request: { status: 400, title: 'The request is not valid', action: 'none' },
  email_token_invalid: { status: 400, title: 'The link is not valid any more', action: 'none' },
  multiple_credentials: { status: 400, title: 'Send the refresh token one way only', action: 'none' },
  duplicate_cookie: { status: 400, title: 'A cookie was sent twice', action: 'reauthenticate' },
  password_unacceptable: { status: 400, title: 'Choose another password', action: 'none' },
  native_not_allowed: { status: 400, title: 'Browsers can not have native sessions', action: 'none' },
  invalid_scope: { status: 400, title: 'There is no such scope', action: 'none' },
  unsupported_grant_type: { status: 400, title: 'The grant type is not supported', action: 'none' },
  invalid_client: { status: 401, title: 'The client credentials are wrong or missing', action: 'none' },
  access_token_missing: { status: 401, title: 'An access token is needed', action: 'none' },
  access_token_invalid: { status: 401, title: 'The access token is not valid', action: 'none' },
  invalid_credentials: { status: 401, title: 'Email or password is wrong', action: 'none' },
  account_disabled: { status: 401, title: 'This account is disabled', action: 'reauthenticate' },
  refresh_token_missing: { status: 401, title: 'A refresh token is needed', action: 'reauthenticate' },
  refresh_token_invalid: { status: 401, title: 'The refresh token is not valid', action: 'reauthenticate' },
  refresh_token_reused: { status: 401, title: 'An old refresh token came back', action: 'reauthenticate' },
  session_expired: { status: 401, title: 'The session has expired', action: 'reauthenticate' },
  session_exhausted: {
    status: 401,
    title: 'The session was refreshed too many times',
    action: 'reauthenticate'
  },
  session_revoked: { status: 401, title: 'The session was ended', action: 'reauthenticate' },
  wrong_transport: { status: 401, title: 'The refresh token came the wrong way', action: 'none' },
  device_changed: { status: 401, title: 'The session belongs to another device', action: 'reauthenticate' },
  insufficient_user_authentication: { status: 401, title: 'A more recent login is needed', action: 'none' },
  insufficient_role: { status: 403, title: 'Another role is needed', action: 'none' },
  cross_site_request: { status: 403, title: 'The request came from another site', action: 'none' },
  not_found: { status: 404, title: 'There is nothing here', action: 'none' },
  mail_not_configured: { status: 404, title: 'This server sends no mail', action: 'none' },
  session_not_found: { status: 404, title: 'There is no such session', action: 'none' },
  user_not_found: { status: 404, title: 'There is no such user', action: 'none' },
  request_timeout: { status: 408, title: 'The request came too slowly', action: 'retry' },
  email_taken: { status: 409, title: 'This email address has an account', action: 'none' },
  own_account: { status: 409, title: 'Not possible with your own account', action: 'none' },
  last_administrator: { status: 409, title: 'There would be no administrator left', action: 'none' },
  payload_too_large: { status: 413, title: 'The request body is too large', action: 'none' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported', action: 'none' },
  too_many_attempts: { status: 429, title: 'Too many attempts', action: 'retry' },
  too_many_refreshes: { status: 429, title: 'The session refreshes too often', action: 'retry' },
  headers_too_large: { status: 431, title: 'The request headers are too large', action: 'none' },
  internal_error: { status: 500, title: 'Something went wrong here', action: 'retry' },
  temporarily_unavailable: { status: 503, title: 'Temporarily unavailable', action: 'retry' }
} as const satisfies Record<string, ProblemDefinition>

export type ProblemCode = keyof typeof problems

/** One invalid field: where it is, and what is wrong with it. */
export interface InvalidField {
  path: string
  message: string
}

interface ProblemDetails {
  errors?: InvalidField[]
  /** Whole seconds, sent as `Retry-After`. */
  retryAfter?: number
  headers?: Record<string, string>
  cause?: unknown
}

/** A refusal with a stable code. Thrown anywhere, answered by the error handler as RFC 9457. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly statusCode: number
  readonly action: ProblemAction
  readonly errors: InvalidField[] | undefined
  readonly retryAfter: number | undefined
  readonly headers: Record<string, string>

  /**
   * @param code a code of the registry
   * @param detail what is wrong and what to do, for people; must hold no secret and nothing internal
   */
  constructor(code: ProblemCode, detail: string, details: ProblemDetails = {}) {
    super(detail, { cause: details.cause })
    this.name = 'Problem'
    this.code = code
    this.statusCode = problems[code].status
    this.action = problems[code].action
    this.errors = details.errors
    this.retryAfter = details.retryAfter
    this.headers = details.headers ?? {}
  }
}

/** RFC 9457 §3 */
export const problemMediaType = 'application/problem+json'

/** What a problem looks like on the wire; schemas/common.ts `ProblemDetails` is its shape. */
export function problemDocument(
  { code, statusCode, action, message, errors }: Problem,
  publicUrl: string,
  request_id?: string
) {
  return {
    type: `${publicUrl}/docs#${code}`,
    title: problems[code].title,
    status: statusCode,
    detail: message,
    code,
    action,
    ...(request_id === undefined ? {} : { request_id }),
    ...(errors ? { errors } : {})
  }
}
