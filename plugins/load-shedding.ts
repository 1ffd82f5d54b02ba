import underPressure from '@fastify/under-pressure'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../lib/problem.ts'

declare module 'fastify' {
  interface FastifyInstance {
    shed: Shed
  }
  interface FastifyContextConfig {
    /** Answered however much there is to do: the health of the process. */
    neverShed?: true
  }
}

/**
 * A refusal for there is too much to do, counted. The log tells of them together, as they come by the thousand.
 * @param reason what there is too much of
 * @param retryAfter seconds
 */
export type Shed = (
  reason: 'queue_full' | 'queue_deadline' | 'event_loop_delay',
  detail: string,
  retryAfter: number
) => Problem

/** ms by which the event loop is late, on average over a second. By then nobody is answered in good time. */
const maxEventLoopDelay = 1000

/** ms between two measurements. */
const sampleInterval = 1000

/** ms for which it may be late: a start, or a machine that stood still, is no load, but is measured as such once. */
const passing = 2 * sampleInterval

/** ms between two lines of the log. */
const logInterval = 10_000

/**
 * Decorates `fastify.shed`. Beyond what the process can do, requests are refused with 503 at once, so that the
 * others are answered, in place of all of them too late. Where the host app sheds by itself, that is left to it.
 */
export default fp(
  async (fastify) => {
    let unsaid = 0
    let saidAt = -Infinity
    fastify.decorate('shed', (reason, detail, retryAfter) => {
      fastify.metrics.requestsShed.inc({ reason })
      unsaid += 1
      if (performance.now() - saidAt > logInterval) {
        fastify.log.warn({ reason, requests: unsaid }, 'requests are refused: there is too much to do')
        saidAt = performance.now()
        unsaid = 0
      }
      return new Problem('temporarily_unavailable', detail, { retryAfter })
    })

    if (fastify.hasDecorator('isUnderPressure')) return
    let lateSince: number | undefined
    const timer = setInterval(() => {
      if (!fastify.isUnderPressure()) lateSince = undefined
    }, sampleInterval)
    timer.unref()
    fastify.addHook('onClose', async () => {
      clearInterval(timer)
    })
    await fastify.register(underPressure, {
      maxEventLoopDelay,
      sampleInterval,
      async pressureHandler({ routeOptions }: FastifyRequest) {
        lateSince ??= performance.now()
        if (routeOptions.config.neverShed || performance.now() - lateSince < passing) return
        throw fastify.shed('event_loop_delay', 'There is too much to do. Nothing was lost; try again.', 1)
      }
    })
  },
  { name: 'load-shedding', dependencies: ['metrics'] }
)
