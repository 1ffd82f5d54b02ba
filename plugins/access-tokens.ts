import jwt, { type JWT, type VerifyOptions } from '@fastify/jwt'
import { randomUUID } from 'node:crypto'
import fp from 'fastify-plugin'
import { areAccessTokenClaims } from '../lib/access-token-claims.ts'
import { hasCanonicalSignature } from '../lib/compact-jws.ts'
import type { AccessTokenClaims, User } from '../schemas/tokens.ts'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    namespaces: 'access' | 'refresh'
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    accessTokens: AccessTokens
  }
}

/** What of a session stands in its access tokens. `authenticated_at` in ms. */
export interface AccessTokenSession {
  id: string
  authenticated_at: number
  amr: string[]
}

export type GivenClaims = Partial<Pick<AccessTokenClaims, 'jti' | 'iat' | 'exp'>>

export interface AccessTokens {
  /** Life of a new token, in seconds. */
  readonly expires_in: number
  /**
   * A new access token: JWT, ES256, `typ: at+jwt` (RFC 9068).
   * @param given claims to set in place of the usual: a random `jti`, `iat` now, `exp` after `expires_in`
   */
  sign(user: User, session: AccessTokenSession, given?: GivenClaims): string
  /**
   * Checks signature, algorithm, type, issuer, audience and expiry (RFC 8725 §3, RFC 9068 §4). Does NOT
   * check whether the session was revoked since: `fastify.authenticate` does.
   * @throws TokenError of fast-jwt
   */
  verify(token: string): Promise<AccessTokenClaims>
  /** The same, whether or not it has expired: to end the session that it names. */
  verifyExpired(token: string): Promise<AccessTokenClaims>
}

/** Decorates `fastify.accessTokens`, on the namespace `access` of @fastify/jwt. */
export default fp(
  async (fastify) => {
    const { PUBLIC_URL: iss, AUDIENCE: aud, ACCESS_TOKEN_TTL: expires_in } = fastify.configuration
    const { current, publicKeys } = fastify.signingKeys

    // An own `jwt`, so that one that the host app has registered is neither used nor in the way.
    fastify.decorate('jwt', Object.create(null) as typeof fastify.jwt)
    await fastify.register(jwt, {
      namespace: 'access',
      secret: {
        private: current.privateKey,
        public: async ({ header }: { header: { kid?: string } }) => {
          // RFC 7515 §4.1.11: ours have no extensions.
          if ('crit' in header) throw new Error('critical extensions')
          const key = publicKeys.get(header.kid ?? '')
          if (!key) throw new Error('unknown kid')
          return key
        }
      },
      sign: { algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt', kid: current.kid } },
      verify: {
        // RFC 8725 §3.1, §3.8, §3.9, §3.11: one algorithm, our issuer, our audience, our type.
        algorithms: ['ES256'],
        allowedIss: iss,
        allowedAud: aud,
        checkTyp: 'at+jwt',
        requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'sid'],
        // Verified signatures are remembered until their token expires.
        cache: 10_000
      }
    })
    const { access }: { access: JWT } = fastify.jwt

    const verify = async (token: string, options?: Partial<VerifyOptions>) => {
      if (!hasCanonicalSignature(token)) throw new Error('the signature is not canonical')
      const claims = await access.verify<Promise<Record<string, unknown>>>(token, options)
      if (!areAccessTokenClaims(claims)) throw new Error('the claims are not those of an access token')
      return claims
    }

    fastify.decorate('accessTokens', {
      expires_in,
      sign(user, session, { iat = Math.floor(Date.now() / 1000), exp = iat + expires_in, ...given } = {}) {
        return access.sign({
          iss,
          sub: user.id,
          aud,
          iat,
          exp,
          jti: given.jti ?? randomUUID(),
          sid: session.id,
          role: user.role,
          email_verified: user.email_verified,
          auth_time: Math.floor(session.authenticated_at / 1000),
          amr: session.amr
        } satisfies AccessTokenClaims)
      },
      verify: (token) => verify(token),
      verifyExpired: (token) => verify(token, { ignoreExpiration: true, cache: false })
    })
  },
  { name: 'access-tokens', dependencies: ['configuration', 'signing-keys'] }
)
