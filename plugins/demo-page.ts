import fastifyStatic from '@fastify/static'
import fp from 'fastify-plugin'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { pageHeaders } from '../lib/page-headers.ts'

/** Where the compiler leaves what browsers are given; this file may itself be compiled or not. */
const built = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/' : '../', import.meta.url))

const headers = pageHeaders("img-src 'self'")

/** With `DEMO`: the demo page at `/`, and its files at `/demo/`. */
export default fp(
  async (fastify) => {
    if (fastify.configuration.DEMO !== true) return
    if (!existsSync(`${built}demo/index.html`)) {
      fastify.log.warn('there is no demo page, as it is not compiled: npm run build')
      return
    }

    await fastify.register(async (scope) => {
      scope.addHook('onRequest', (_request, reply, done) => {
        void reply.headers(headers)
        done()
      })
      await scope.register(fastifyStatic, {
        root: `${built}demo`,
        prefix: '/demo/',
        // A route for each file there is, and none for anything else.
        wildcard: false,
        index: false,
        cacheControl: false
      })
      scope.get('/', { logLevel: 'warn', schema: { hide: true } }, (request, reply) => {
        // The page names its files relative to its own place, which ends with a slash.
        if (!/^[^?]*\/(\?|$)/.test(request.url)) return reply.redirect(`${fastify.prefix}/`)
        return reply.sendFile('index.html')
      })
    })
  },
  { name: 'demo-page', dependencies: ['configuration', 'errors', 'security-headers'] }
)
