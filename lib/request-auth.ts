/** Where a request keeps the claims of its access token; `request.auth` reads it. */
export const accessTokenClaims = Symbol('latchkey.access_token_claims')
