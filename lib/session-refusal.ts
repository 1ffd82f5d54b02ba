import { Problem } from './problem.ts'

/** Throws what a refresh token is answered with that is not ours, or not any more. */
export function refreshTokenInvalid(cause: unknown): never {
  throw new Problem(
    'refresh_token_invalid',
    'The refresh token is expired, malformed or not ours. Log in again.',
    { cause }
  )
}

/** The refusal of a session that is over, by what the record says of it. */
export function refusalOf(
  record: { revoked_reason: string | null; user_disabled: boolean } | undefined
): Problem {
  if (record?.user_disabled) return new Problem('account_disabled', 'This account is disabled.')
  switch (record?.revoked_reason) {
    case 'reused':
      return new Problem(
        'refresh_token_reused',
        'A refresh token that had been exchanged came back, which is how theft shows: the session was ended. Log in again.'
      )
    case 'exhausted':
      return new Problem(
        'session_exhausted',
        'The session was refreshed as often as it may be. Log in again.'
      )
    default:
      return new Problem('session_revoked', 'The session was ended. Log in again.')
  }
}
