import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'

const metrics: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get(
    '/metrics',
    {
      config: { neverShed: true },
      logLevel: 'warn',
      schema: {
        tags: ['health'],
        summary: 'Metrics of the server, of all its workers, for Prometheus',
        produces: ['text/plain'],
        response: { 200: Type.String() }
      }
    },
    async (_request, reply) => {
      const { registry } = fastify.metrics
      return reply.type(registry.contentType).send(await registry.metrics())
    }
  )
}

export default metrics
