import jwt, { type JWT, type VerifyOptions } from '@fastify/jwt'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { randomUUID } from 'node:crypto'
import { areAccessTokenClaims } from '../lib/access-token-claims.ts'
import { hasCanonicalSignature } from '../lib/compact-jws.ts'
import { es256Signer } from '../lib/es256-jws.ts'
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
  /** The same for a token that was verified before, and undefined for any other. */
  recall(token: string): AccessTokenClaims | undefined
  /** The same, whether or not it has expired: to end the session that it names. */
  verifyExpired(token: string): Promise<AccessTokenClaims>
}

interface VerifiedToken {
  header: { kid: string }
  payload: Record<string, unknown>
}

interface VerifiedText {
  token: string
  kid: string
  claims: AccessTokenClaims
}

/** A part of the signature, by which a token is looked up: to hash the whole of it takes longer than all else. */
const tail = (token: string) => token.slice(-22)

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

    const verified = new LRUCache<string, VerifiedText>({ max: 10_000 })
    const recall = (token: string) => {
      const known = verified.get(tail(token))
      if (known?.token !== token || Date.now() >= known.claims.exp * 1000) return undefined
      return signingKeys.accepts(known.kid) ? known.claims : undefined
    }
    const verify = async (token: string) => {
      const known = recall(token)
      if (known) return known
      const found = await verifyWhole(token)
      // Whoever reads the claims of one request must not change those of the next.
      Object.freeze(found.claims.amr)
      Object.freeze(found.claims)
      verified.set(tail(token), { token, ...found })
      return found.claims
    }

    // One for each key. @fastify/jwt has one key for good, or makes a signer for each token: docs/adr/0027.
    let signer = { kid: '', sign: (_claims: AccessTokenClaims) => '' }
    const sign = (claims: AccessTokenClaims) => {
      const { kid, privateKey } = signingKeys.current
      if (signer.kid !== kid) {
        signer = { kid, sign: es256Signer(privateKey, { typ: 'at+jwt', kid }) }
      }
      return signer.sign(claims)
    }

    fastify.decorate('accessTokens', {
      expires_in,
      sign(
        user,
        session,
        { iat = Math.floor(Date.now() / 1000), exp = iat + expires_in, jti = randomUUID() } = {}
      ) {
        return sign({
          iss,
          sub: user.id,
          aud,
          iat,
          exp,
          jti,
          client_id: session.client,
          sid: session.id,
          role: user.role,
          email_verified: user.email_verified,
          auth_time: Math.floor(session.authenticated_at / 1000),
          amr: session.amr
        })
      },
      recall,
      verify,
      verifyExpired: async (token) => (await verifyWhole(token, { ignoreExpiration: true })).claims
    })
  },
  { name: 'access-tokens', dependencies: ['configuration', 'signing-keys'] }
)
