import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { insufficientRole } from '../lib/access-token-refusal.ts'
import { recordedUser, type Authenticated } from '../lib/request-auth.ts'
import type { Authenticate } from './authenticate.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Makes an `onRequest` hook, to stand after `authenticateStrictly`: lets a request through whose user has that
     * role now, whatever the token says. One without `authenticateStrictly` before it lets nobody through.
     */
    requireRole: (role: string) => Authenticate
  }
}

/** Decorates `fastify.requireRole` (OWASP ASVS 5.0 V8.2.1, V8.3.2). */
export default fp(
  async (fastify) => {
    fastify.decorate('requireRole', (role) => async (request: FastifyRequest & Authenticated) => {
      if (request[recordedUser]?.role !== role) throw insufficientRole(role)
    })
  },
  { name: 'roles', dependencies: ['authenticate'] }
)
