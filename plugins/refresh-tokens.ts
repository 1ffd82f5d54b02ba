import { createSigner, createVerifier } from 'fast-jwt'
import fp from 'fastify-plugin'
import { hasCanonicalSignature } from '../lib/compact-jws.ts'
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
   * token is the head of its session: `fastify.sessions.refresh` does.
   * @throws TokenError of fast-jwt
   */
  verify(token: string): Promise<RefreshTokenClaims>
  /** The same, whether or not it has expired: to end the session that it names. */
  verifyExpired(token: string): Promise<RefreshTokenClaims>
}

/** Decorates `fastify.refreshTokens`. */
export default fp(
  async (fastify) => {
    const { PUBLIC_URL: iss } = fastify.configuration
    const { current, accepted } = fastify.secretKeys.for('refresh token')

    const signerOf = ({ kid, key }: SecretKey) =>
      createSigner({ key, algorithm: 'HS256', header: { alg: 'HS256', typ: 'rt+jwt', kid } })
    const verifierOf = ({ key }: SecretKey, ignoreExpiration: boolean) =>
      createVerifier({
        key,
        ignoreExpiration,
        algorithms: ['HS256'],
        allowedIss: iss,
        checkTyp: 'rt+jwt',
        requiredClaims: ['iss', 'sub', 'sid', 'gen', 'exp', 'iat'],
        cache: false
      })
    const headerOf = (token: string) => token.slice(0, token.indexOf('.'))

    // All tokens of a key have one and the same header, so that it names the key before anything is decoded, and
    // a token with any other header is none of ours (RFC 8725 §3.1, §3.11).
    const verifiers = new Map(
      [...accepted.values()].map((key) => [
        headerOf(signerOf(key)({})),
        { live: verifierOf(key, false), whole: verifierOf(key, true) }
      ])
    )
    const sign = signerOf(current)

    const verify = async (token: string, which: 'live' | 'whole') => {
      if (!hasCanonicalSignature(token)) throw new Error('the signature is not canonical')
      const verifier = verifiers.get(headerOf(token))
      if (!verifier) throw new Error('the header is not that of a refresh token of ours')
      return verifier[which](token) as RefreshTokenClaims
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
      verify: (token) => verify(token, 'live'),
      verifyExpired: (token) => verify(token, 'whole')
    })
  },
  { name: 'refresh-tokens', dependencies: ['configuration', 'secret-keys', 'access-tokens'] }
)
