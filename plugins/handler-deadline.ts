import type { onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../lib/problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `false`: whatever the handler waits for has a deadline of its own, or it streams. */
    deadline?: false
  }
}

/**
 * A deadline on every handler that may wait, in a host app too: 503, try again. Stores have deadlines of their own:
 * this one is for whatever nobody thought of. Not Fastify's `handlerTimeout`, which is over as soon as a body is read.
 * @param options.timeout ms. Default: 15,000
 */
export default fp<{ timeout?: number }>(
  async (fastify, { timeout = 15_000 }) => {
    const begin: onRequestHookHandler = (_request, reply, done) => {
      const timer = setTimeout(() => {
        if (reply.sent || reply.raw.headersSent) return
        const cause = new Error(`no answer within ${String(timeout)} ms`)
        reply.send(
          new Problem('temporarily_unavailable', 'The request took too long. Try again.', {
            retryAfter: 1,
            cause
          })
        )
      }, timeout)
      reply.raw.once('close', () => {
        clearTimeout(timer)
      })
      done()
    }
    fastify.addHook('onRoute', (route) => {
      if (route.config?.deadline === false) return
      route.onRequest = [begin, ...[route.onRequest ?? []].flat()]
    })
  },
  { name: 'handler-deadline' }
)
