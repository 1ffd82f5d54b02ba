import underPressure from '@fastify/under-pressure'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../lib/problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered however much there is to do: the health of the process. */
    neverShed?: true
  }
}

/** ms by which the event loop is late, on average over a second. By then nobody is answered in good time. */
const maxEventLoopDelay = 500

/**
 * Beyond what the process can do, requests are refused with 503 at once, so that the others are answered, in
 * place of all of them too late. Where the host app sheds by itself, this leaves it to the host app.
 */
export default fp(
  async (fastify) => {
    if (fastify.hasDecorator('isUnderPressure')) return
    await fastify.register(underPressure, {
      maxEventLoopDelay,
      async pressureHandler({ routeOptions }: FastifyRequest) {
        if (routeOptions.config.neverShed) return
        fastify.metrics.requestsShed.inc({ reason: 'event_loop_delay' })
        throw new Problem(
          'temporarily_unavailable',
          'There is too much to do. Nothing was lost; try again.',
          {
            retryAfter: 1
          }
        )
      }
    })
  },
  { name: 'load-shedding', dependencies: ['metrics'] }
)
