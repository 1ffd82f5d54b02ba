import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { administratorRole } from '../../lib/user.ts'
import { EventPage, EventQuery } from '../../schemas/admin.ts'
import { answers } from '../../schemas/answers.ts'

const events: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get(
    '/admin/events',
    {
      onRequest: [fastify.authenticateStrictly, fastify.requireRole(administratorRole)],
      schema: {
        tags: ['administration'],
        summary: 'The audit log, the newest first',
        security: [{ accessToken: [] }],
        querystring: EventQuery,
        response: answers(200, EventPage)
      }
    },
    async (request, reply) => {
      const { limit = '50', ...filter } = request.query
      const page = await fastify.auditLog.list({ ...filter, limit: Number(limit) })
      return reply.header('cache-control', 'no-store').send(page)
    }
  )
}

export default events
