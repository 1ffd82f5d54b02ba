import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answers, Nothing } from '../../schemas/answers.ts'

const logout: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/auth/logout',
    {
      onRequest: fastify.refuseCrossSite,
      schema: {
        tags: ['auth'],
        summary: 'End this session',
        description:
          'By the cookie, or by an access or refresh token as Authorization: Bearer. Also 204 when already out.',
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      const sids = await request.presentedSessions()
      // 2xx only when Postgres has it; else 503, and the cookie stays for the next try.
      if (sids.length > 0) await fastify.sessions.revoke(sids, 'logout', request.cameFrom())
      return reply.clearRefreshCookie().code(204).send(null)
    }
  )

  fastify.post(
    '/auth/logout/all',
    {
      onRequest: fastify.authenticateStrictly,
      schema: {
        tags: ['auth'],
        summary: 'End every session of the user',
        security: [{ accessToken: [] }],
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      await fastify.sessions.revokeAll(request.auth.sub, 'logout_all', request.cameFrom())
      return reply.clearRefreshCookie().code(204).send(null)
    }
  )
}

export default logout
