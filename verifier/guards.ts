import { insufficientRole, insufficientUserAuthentication } from '../lib/access-token-refusal.ts'
import type { AccessTokenClaims } from '../schemas/tokens.ts'

/** @throws Problem insufficient_role (403) where the user has another role */
export function requireRole(claims: AccessTokenClaims, role: string): void {
  if (claims.role !== role) throw insufficientRole(role)
}

/**
 * RFC 9470: for what a session that was left open must not do.
 * @param max_age seconds since the user last proved who they are
 * @throws Problem insufficient_user_authentication (401), whose challenge names `max_age`
 */
export function requireRecentAuth(claims: AccessTokenClaims, max_age: number): void {
  if (Date.now() / 1000 - claims.auth_time > max_age) throw insufficientUserAuthentication(max_age)
}
