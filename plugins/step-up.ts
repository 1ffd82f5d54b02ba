import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { insufficientUserAuthentication } from '../lib/access-token-refusal.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * `onRequest` hook, after `authenticateStrictly`: lets a request through whose access token says that the user
     * proved who they are within `STEP_UP_MAX_AGE`. POST /auth/reauthenticate gives one that does.
     */
    requireRecentAuthentication: (request: FastifyRequest) => Promise<void>
  }
}

/** Decorates `fastify.requireRecentAuthentication` (RFC 9470; OWASP ASVS 5.0 V7.5.1, V7.5.3). */
export default fp(
  async (fastify) => {
    const { STEP_UP_MAX_AGE } = fastify.configuration

    fastify.decorate('requireRecentAuthentication', async (request) => {
      // By the token and not by the record: a stolen token gets nothing from what its owner proves meanwhile.
      const age = Math.floor(Date.now() / 1000) - request.auth.auth_time
      if (age > STEP_UP_MAX_AGE) throw insufficientUserAuthentication(STEP_UP_MAX_AGE)
    })
  },
  { name: 'step-up', dependencies: ['configuration', 'authenticate'] }
)
