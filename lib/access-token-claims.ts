import type { AccessTokenClaims } from '../schemas/tokens.ts'

const texts = ['iss', 'aud', 'role'] as const
const ids = ['sub', 'jti', 'sid'] as const
const times = ['iat', 'exp', 'auth_time'] as const

/** Whether claims have the types that ours have. Does NOT say whose they are: their signature does. */
export function areAccessTokenClaims(claims: Partial<Record<string, unknown>>): claims is AccessTokenClaims {
  return (
    texts.every((name) => typeof claims[name] === 'string') &&
    ids.every((name) => isId(claims[name])) &&
    times.every((name) => Number.isSafeInteger(claims[name])) &&
    typeof claims['email_verified'] === 'boolean' &&
    Array.isArray(claims['amr'])
  )
}

/** Visible ASCII, which a header can carry. */
const isId = (value: unknown) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
