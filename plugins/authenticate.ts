import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  accessTokenMissing,
  accessTokenRenewed,
  refusalOfToken,
  sessionRevoked
} from '../lib/access-token-refusal.ts'
import { bearerToken } from '../lib/bearer.ts'
import { accessTokenClaims, recordedUser, type Authenticated } from '../lib/request-auth.ts'

declare module 'fastify' {
  interface FastifyInstance {
    authenticate: Authenticate
    authenticateStrictly: Authenticate
  }
}

/**
 * An `onRequest` hook: lets a request through that has a valid access token of a session that is not
 * known to have ended, and sets `request.auth`. Asks no store, unless `AUTO_RENEW` is on and the token is about
 * to expire. Does NOT check roles.
 * `authenticateStrictly` also asks the record whether the session and its user still are good.
 */
export type Authenticate = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** As nearly all clients spell it. */
const scheme = 'Bearer '

/** Decorates `fastify.authenticate` and `fastify.authenticateStrictly`. */
export default fp(
  async (fastify) => {
    const { renewAutomatically: renew } = fastify
    const { accessTokens } = fastify

    const recall = (authorization: string) =>
      authorization.startsWith(scheme) ? accessTokens.recall(authorization.slice(scheme.length)) : undefined
    const verify = async (authorization: string) => {
      const token = bearerToken(authorization)
      if (token === undefined) throw accessTokenMissing()
      return accessTokens.verify(token).catch((cause: unknown) => {
        throw refusalOfToken(cause)
      })
    }
    const authenticate: Authenticate = async (request: FastifyRequest & Authenticated, reply) => {
      const { authorization = '' } = request.headers
      const claims = recall(authorization) ?? (await verify(authorization))
      if (fastify.revocationFeed.has(claims.sid)) throw sessionRevoked()
      if (fastify.revocationFeed.has(claims.jti)) throw accessTokenRenewed()
      request[accessTokenClaims] = claims
      if (renew) await renew(reply, claims)
    }

    fastify.decorate('authenticate', authenticate)
    fastify.decorate('authenticateStrictly', async (request: FastifyRequest & Authenticated, reply) => {
      await authenticate(request, reply)
      const record = await fastify.sessionRecords.find(request.auth.sid)
      if (record?.revoked_reason !== null || record.user_disabled) throw sessionRevoked()
      request[recordedUser] = record.user
    })
  },
  {
    name: 'authenticate',
    dependencies: ['request-auth', 'access-tokens', 'session-records', 'revocation-feed', 'automatic-renewal']
  }
)
