import type { AccessTokenClaims, User } from '../schemas/tokens.ts'

/** Where a request keeps the claims of its access token. */
export const accessTokenClaims = Symbol('latchkey.access_token_claims')

/** Where a request keeps its user as the record has them, once that was asked. */
export const recordedUser = Symbol('latchkey.recorded_user')

export interface Authenticated {
  [accessTokenClaims]?: AccessTokenClaims
  [recordedUser]?: User
}

/** What `request.auth` is. @throws where `authenticate` has not run */
export function readAuth(this: object): AccessTokenClaims {
  const { [accessTokenClaims]: claims } = this as Authenticated
  if (!claims) throw new Error('request.auth is read on a route without the authenticate hook')
  return claims
}
