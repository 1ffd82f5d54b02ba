import jwt, { type JWT, type VerifyOptions } from '@fastify/jwt'
import { createSigner } from 'fast-jwt'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { randomUUID } from 'node:crypto'
import { areAccessTokenClaims } from '../lib/access-token-claims.ts'
import { hasCanonicalSignature } from '../lib/compact-jws.ts'
import { StoreUnavailable } from '../lib/store-error.ts'
import type { Client } from '../schemas/common.ts'
import type { AccessTokenClaims, User } from '../schemas/tokens.ts'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    namespaces: 'access'
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
  client: Client
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
   * @throws StoreUnavailable where the key is unknown and Postgres can't say whether it is a new one;
   * else an Error that says what is wrong with the token
   */
  verify(token: string): Promise<AccessTokenClaims>
  /** The same, whether or not it has expired: to end the session that it names. */
  verifyExpired(token: string): Promise<AccessTokenClaims>
}

interface VerifiedToken {
  header: { kid: string }
  payload: Record<string, unknown>
}

/** Decorates `fastify.accessTokens`, on the namespace `access` of @fastify/jwt. */
export default fp(
  async (fastify) => {
    const { PUBLIC_URL: iss, AUDIENCE: aud, ACCESS_TOKEN_TTL: expires_in } = fastify.configuration
    const { signingKeys } = fastify

    // An own `jwt`, so that one that the host app has registered is neither used nor in the way.
    fastify.decorate('jwt', Object.create(null) as typeof fastify.jwt)
    await fastify.register(jwt, {
      namespace: 'access',
      secret: {
        public: async ({ header }: { header: { kid?: unknown } }) => {
          // RFC 7515 §4.1.11: ours have no extensions.
          if ('crit' in header) throw new Error('critical extensions')
          const key = await signingKeys.publicKey(header.kid)
          if (!key) throw new Error('unknown kid')
          return key
        }
      },
      verify: {
        // RFC 8725 §3.1, §3.8, §3.9, §3.11: one algorithm, our issuer, our audience, our type.
        algorithms: ['ES256'],
        allowedIss: iss,
        allowedAud: aud,
        checkTyp: 'at+jwt',
        requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'sid'],
        complete: true
      }
    })
    const { access }: { access: JWT } = fastify.jwt

    const check = async (token: string, options?: Partial<VerifyOptions>) => {
      try {
        return await access.verify<Promise<VerifiedToken>>(token, options)
      } catch (error) {
        const cause = error instanceof Error && 'originalError' in error ? error.originalError : undefined
        throw cause instanceof StoreUnavailable ? cause : error
      }
    }
    const verifyWhole = async (token: string, options?: Partial<VerifyOptions>) => {
      if (!hasCanonicalSignature(token)) throw new Error('the signature is not canonical')
      const { header, payload } = await check(token, options)
      // Revoked while its signature was verified.
      if (!signingKeys.accepts(header.kid)) throw new Error('the key of this token is over or was revoked')
      if (!areAccessTokenClaims(payload)) throw new Error('the claims are not those of an access token')
      return { kid: header.kid, claims: payload }
    }

    const verified = new LRUCache<string, { kid: string; claims: AccessTokenClaims }>({ max: 10_000 })
    const verify = async (token: string) => {
      const known = verified.get(token)
      if (known && Date.now() < known.claims.exp * 1000 && signingKeys.accepts(known.kid)) return known.claims
      const found = await verifyWhole(token)
      // Whoever reads the claims of one request must not change those of the next.
      Object.freeze(found.claims.amr)
      Object.freeze(found.claims)
      verified.set(token, found)
      return found.claims
    }

    // @fastify/jwt has one key for good, or makes a signer for each token, which takes ten times the signature.
    let signer = { kid: '', sign: (_claims: AccessTokenClaims) => '' }
    const sign = (claims: AccessTokenClaims) => {
      const { kid, privateKey } = signingKeys.current
      if (signer.kid !== kid) {
        const header = { alg: 'ES256', typ: 'at+jwt', kid }
        signer = { kid, sign: createSigner({ key: privateKey, algorithm: 'ES256', header }) }
      }
      return signer.sign(claims)
    }

    fastify.decorate('accessTokens', {
      expires_in,
      sign(user, session, { iat = Math.floor(Date.now() / 1000), exp = iat + expires_in, ...given } = {}) {
        return sign({
          iss,
          sub: user.id,
          aud,
          iat,
          exp,
          jti: given.jti ?? randomUUID(),
          client_id: session.client,
          sid: session.id,
          role: user.role,
          email_verified: user.email_verified,
          auth_time: Math.floor(session.authenticated_at / 1000),
          amr: session.amr
        })
      },
      verify,
      verifyExpired: async (token) => (await verifyWhole(token, { ignoreExpiration: true })).claims
    })
  },
  { name: 'access-tokens', dependencies: ['configuration', 'signing-keys'] }
)
