import type { RefreshTokenClaims } from '../schemas/tokens.ts'

const texts = ['iss', 'sub', 'sid', 'jti'] as const
const integers = ['gen', 'iat', 'exp'] as const

/**
 * Whether claims are such as ours. Ours begin at once: one that is not good yet (RFC 7519 §4.1.5) is none.
 * Does NOT say whose they are: their signature does.
 */
export function areRefreshTokenClaims(claims: unknown): claims is RefreshTokenClaims {
  if (typeof claims !== 'object' || claims === null || 'nbf' in claims) return false
  const named: Partial<Record<string, unknown>> = { ...claims }
  return (
    texts.every((name) => typeof named[name] === 'string') &&
    integers.every((name) => Number.isSafeInteger(named[name]))
  )
}
