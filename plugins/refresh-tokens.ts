import fp from 'fastify-plugin'
import { hs256Jws } from '../lib/hs256-jws.ts'
import { areRefreshTokenClaims } from '../lib/refresh-token-claims.ts'
import type { SecretKey } from '../lib/secret-key.ts'
import type { RefreshTokenClaims } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    refreshTokens: RefreshTokens
  }
}

/** A generation of a session. Times in ms, as Redis stores them. */
export interface RefreshTokenGeneration {
  sub: string
  sid: string
  gen: number
  rotated_at: number
  refresh_expires_at: number
}

export interface RefreshTokens {
  /** The refresh token of a generation: a pure function of what Redis stores, so that a replay is the same bytes. */
  sign(generation: RefreshTokenGeneration): string
  /**
   * Checks signature, algorithm, type, issuer and expiry, and asks no store. Does NOT check whether the
   * token is the head of its session: `fastify.refreshSession` does.
   * @throws Error that says what is wrong with the token
   */
  verify(token: string): Promise<RefreshTokenClaims>
  /** The same, whether or not it has expired: to end the session that it names. */
  verifyExpired(token: string): Promise<RefreshTokenClaims>
}

/** Decorates `fastify.refreshTokens`. */
export default fp(
  async (fastify) => {
    const { PUBLIC_URL: iss } = fastify.configuration
    const keys = fastify.secretKeys.for('refresh token')

    const jwsOf = ({ kid, key }: SecretKey) => hs256Jws(key, { typ: 'rt+jwt', kid })
    // All tokens of a key have one and the same header, so that it names the key before anything is decoded, and
    // a token with any other header is none of ours (RFC 8725 §3.1, §3.11).
    const accepted = new Map([...keys.accepted.values()].map(jwsOf).map((jws) => [jws.header, jws]))
    const { sign } = jwsOf(keys.current)

    const verifyExpired = async (token: string) => {
      const claims = accepted.get(token.slice(0, token.indexOf('.')))?.verify(token)
      if (!areRefreshTokenClaims(claims)) throw new Error('this is not a refresh token of ours')
      // Signed by us, so that the issuer may be told: another PUBLIC_URL than it was made under.
      if (claims.iss !== iss) throw new Error(`the issuer of the refresh token is ${claims.iss}`)
      return claims
    }
    const verify = async (token: string) => {
      const claims = await verifyExpired(token)
      // RFC 7519 §4.1.4
      if (Date.now() >= claims.exp * 1000) throw new Error('the refresh token has expired')
      return claims
    }

    fastify.decorate('refreshTokens', {
      sign: ({ sub, sid, gen, rotated_at, refresh_expires_at }) =>
        sign({
          iss,
          sub,
          sid,
          gen,
          jti: `${sid}.${String(gen)}`,
          iat: Math.floor(rotated_at / 1000),
          exp: Math.floor(refresh_expires_at / 1000)
        } satisfies RefreshTokenClaims),
      verify,
      verifyExpired
    })
  },
  { name: 'refresh-tokens', dependencies: ['configuration', 'secret-keys'] }
)
