import { Problem } from './problem.ts'
import { StoreUnavailable } from './store-error.ts'

// Why a request without a good access token is refused: the same words by the server and by other services.

/** RFC 6750 §3: the challenge names an error only where a token was sent. */
const challenge = (error?: string, parameters = '') => ({
  'www-authenticate': `Bearer realm="latchkey"${error ? `, error="${error}"` : ''}${parameters}`
})

export const accessTokenMissing = () =>
  new Problem('access_token_missing', 'Send Authorization: Bearer with an access token.', {
    headers: challenge()
  })

export const accessTokenInvalid = (cause: unknown) =>
  new Problem('access_token_invalid', 'The token is expired, malformed or not one of ours. Refresh it.', {
    headers: challenge('invalid_token'),
    cause
  })

/** What a check that failed means: the token is bad, unless a store could not say whether it is. */
export const refusalOfToken = (cause: unknown) =>
  cause instanceof StoreUnavailable ? cause : accessTokenInvalid(cause)

/** Of single-token mode: the token was traded for another. */
export const accessTokenRenewed = () =>
  new Problem('access_token_invalid', 'This token was exchanged for a newer one. Use that.', {
    headers: challenge('invalid_token')
  })

export const sessionRevoked = () =>
  new Problem('session_revoked', 'The session of this token was ended. Log in again.', {
    headers: challenge('invalid_token')
  })

/** Of a user who is logged in: the token is good, and a newer one would change nothing. */
export const wrongPassword = () =>
  new Problem('invalid_credentials', 'This is not your password.', { headers: challenge() })

/** RFC 6750 §3.1 */
export const insufficientRole = (role: string) =>
  new Problem('insufficient_role', `This needs the role "${role}".`, {
    headers: challenge('insufficient_scope')
  })

/**
 * RFC 9470 §3
 * @param max_age seconds since the user proved who they are
 */
export const insufficientUserAuthentication = (max_age: number) =>
  new Problem(
    'insufficient_user_authentication',
    `This needs a login of the last ${String(max_age)} seconds. Authenticate again.`,
    { headers: challenge('insufficient_user_authentication', `, max_age="${String(max_age)}"`) }
  )
