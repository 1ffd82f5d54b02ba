import type { AccessTokenClaims } from '../schemas/tokens.ts'

/** Where a request keeps the claims of its access token. */
export const accessTokenClaims = Symbol('latchkey.access_token_claims')

export interface Authenticated {
  [accessTokenClaims]?: AccessTokenClaims
}

/** What `request.auth` is. @throws where `authenticate` has not run */
export function readAuth(this: object): AccessTokenClaims {
  const { [accessTokenClaims]: claims } = this as Authenticated
  if (!claims) throw new Error('request.auth is read on a route without the authenticate hook')
  return claims
}
