import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { PersonalData } from '../../schemas/admin.ts'
import { answers } from '../../schemas/answers.ts'

const exportRoute: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get(
    '/auth/me/export',
    {
      onRequest: [fastify.authenticateStrictly, fastify.requireRecentAuthentication],
      schema: {
        tags: ['user'],
        summary: 'All that is kept of the user',
        description: 'Needs a recent login.',
        security: [{ accessToken: [] }],
        response: answers(200, PersonalData)
      }
    },
    async (request, reply) => {
      const data = await fastify.exportPersonalData(request.auth.sub, request.cameFrom())
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', 'attachment; filename="personal-data.json"')
        .send(data)
    }
  )
}

export default exportRoute
