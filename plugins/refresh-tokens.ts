import jwt, { type JWT, type VerifyOptions } from '@fastify/jwt'
import fp from 'fastify-plugin'
import { hasCanonicalSignature } from '../lib/compact-jws.ts'
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
   * token is the head of its session: `fastify.sessions.refresh` does.
   * @throws TokenError of fast-jwt
   */
  verify(token: string): Promise<RefreshTokenClaims>
  /** The same, whether or not it has expired: to end the session that it names. */
  verifyExpired(token: string): Promise<RefreshTokenClaims>
}

/** Decorates `fastify.refreshTokens`, on the namespace `refresh` of @fastify/jwt. */
export default fp(
  async (fastify) => {
    const { PUBLIC_URL: iss } = fastify.configuration
    const { current, accepted } = fastify.secretKeys.for('refresh token')

    await fastify.register(jwt, {
      namespace: 'refresh',
      secret: {
        private: current.key,
        public: async ({ header }: { header: { kid?: string } }) => {
          const known = accepted.get(header.kid ?? '')
          if (!known) throw new Error('unknown kid')
          return known.key
        }
      },
      sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'rt+jwt', kid: current.kid } },
      verify: {
        algorithms: ['HS256'],
        allowedIss: iss,
        checkTyp: 'rt+jwt',
        requiredClaims: ['iss', 'sub', 'sid', 'gen', 'exp', 'iat']
      }
    })
    const { refresh }: { refresh: JWT } = fastify.jwt

    const verify = async (token: string, options?: Partial<VerifyOptions>) => {
      if (!hasCanonicalSignature(token)) throw new Error('the signature is not canonical')
      return refresh.verify<RefreshTokenClaims>(token, options)
    }

    fastify.decorate('refreshTokens', {
      sign: ({ sub, sid, gen, rotated_at, refresh_expires_at }) =>
        refresh.sign({
          iss,
          sub,
          sid,
          gen,
          jti: `${sid}.${String(gen)}`,
          iat: Math.floor(rotated_at / 1000),
          exp: Math.floor(refresh_expires_at / 1000)
        } satisfies RefreshTokenClaims),
      verify: (token) => verify(token),
      verifyExpired: (token) => verify(token, { ignoreExpiration: true, cache: false })
    })
  },
  { name: 'refresh-tokens', dependencies: ['configuration', 'secret-keys', 'access-tokens'] }
)
