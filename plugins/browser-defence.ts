import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../lib/problem.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** `onRequest` hook of every route that reads or sets a cookie. */
    refuseCrossSite: onRequestHookHandler
  }
}

/**
 * Decorates `fastify.refuseCrossSite`: cross-site request forgery is refused by what browsers say of a
 * request themselves (OWASP ASVS 5.0 V3.5.1), with no token to keep. A caller that says nothing is no browser.
 */
export default fp(
  async (fastify) => {
    const { ALLOWED_ORIGINS, PUBLIC_URL } = fastify.configuration
    const origins = new Set([...ALLOWED_ORIGINS, new URL(PUBLIC_URL).origin])

    const mayPass = ({ headers: { origin, 'sec-fetch-site': site } }: FastifyRequest) => {
      if (site === 'same-origin') return true
      if (origin !== undefined) return origins.has(origin)
      return site === undefined
    }

    fastify.decorate('refuseCrossSite', (request, _reply, done) => {
      if (mayPass(request)) done()
      else
        done(
          new Problem('cross_site_request', 'This origin is not one of ALLOWED_ORIGINS. Nothing was changed.')
        )
    })
  },
  { name: 'browser-defence', dependencies: ['configuration'] }
)
