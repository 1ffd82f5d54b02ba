import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { bearerToken } from '../lib/bearer.ts'
import { Problem } from '../lib/problem.ts'
import { accessTokenClaims } from '../lib/request-auth.ts'
import { StoreUnavailable } from '../lib/store-error.ts'
import type { AccessTokenClaims } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    authenticate: Authenticate
    authenticateStrictly: Authenticate
  }
}

/**
 * An `onRequest` hook: lets a request through that has a valid access token of a session that is not
 * known to have ended, and sets `request.auth`. Asks no store. Does NOT check roles.
 * `authenticateStrictly` also asks the record whether the session and its user still are good.
 */
export type Authenticate = (request: FastifyRequest) => Promise<void>

type AuthenticatedRequest = FastifyRequest & { [accessTokenClaims]?: AccessTokenClaims }

// RFC 6750 §3: the challenge names an error only where a token was sent.
const challenge = (error?: string) => ({
  'www-authenticate': `Bearer realm="latchkey"${error ? `, error="${error}"` : ''}`
})

/** Decorates `fastify.authenticate` and `fastify.authenticateStrictly`. */
export default fp(
  async (fastify) => {
    const sessionRevoked = () =>
      new Problem('session_revoked', 'The session of this token was ended. Log in again.', {
        headers: challenge('invalid_token')
      })

    const authenticate: Authenticate = async (request: AuthenticatedRequest) => {
      const token = bearerToken(request.headers.authorization)
      if (token === undefined) {
        throw new Problem('access_token_missing', 'Send Authorization: Bearer with an access token.', {
          headers: challenge()
        })
      }
      const claims = await fastify.accessTokens.verify(token).catch((cause: unknown) => {
        if (cause instanceof StoreUnavailable) throw cause
        throw new Problem(
          'access_token_invalid',
          'The token is expired, malformed or not one of ours. Refresh it.',
          {
            headers: challenge('invalid_token'),
            cause
          }
        )
      })
      if (fastify.revocationFeed.has(claims.sid)) throw sessionRevoked()
      request[accessTokenClaims] = claims
    }

    fastify.decorate('authenticate', authenticate)
    fastify.decorate('authenticateStrictly', async (request) => {
      await authenticate(request)
      const record = await fastify.sessionRecords.find(request.auth.sid)
      if (record?.revoked_reason !== null || record.user_disabled) throw sessionRevoked()
    })
  },
  {
    name: 'authenticate',
    dependencies: ['request-auth', 'access-tokens', 'session-records', 'revocation-feed']
  }
)
