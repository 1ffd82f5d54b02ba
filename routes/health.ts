import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Liveness, Readiness } from '../schemas/health.ts'

const health: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get(
    '/health/live',
    {
      config: { neverShed: true },
      logLevel: 'warn',
      schema: { tags: ['health'], summary: 'Whether the process answers', response: { 200: Liveness } }
    },
    async () => ({ status: 'ok' as const })
  )

  fastify.get(
    '/health/ready',
    {
      config: { neverShed: true },
      logLevel: 'warn',
      schema: {
        tags: ['health'],
        summary: 'Whether the stores answer',
        response: { 200: Readiness, 503: Readiness }
      }
    },
    async (_request, reply) => {
      const up = async (name: string, asked: Promise<unknown>) =>
        asked.then(
          () => 'up' as const,
          (error: unknown) => {
            fastify.log.warn({ err: error }, `${name} is not ready`)
            return 'down' as const
          }
        )
      const [postgres, redis] = await Promise.all([
        up('Postgres', fastify.pg.query('SELECT 1')),
        up('Redis', fastify.redisClient.ping())
      ])
      const ready = postgres === 'up' && redis === 'up'
      return reply
        .code(ready ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ status: ready ? 'ok' : 'unavailable', postgres, redis })
    }
  )
}

export default health
