import fastifyStatic from '@fastify/static'
import fp from 'fastify-plugin'
import { fileURLToPath } from 'node:url'
import { pageHeaders } from '../lib/page-headers.ts'

// The policy of referrers also where the host app has set another one.
const headers = { ...pageHeaders(), 'referrer-policy': 'no-referrer' }

/**
 * The page at `/auth/confirm`, to which the links of mails lead, and its files. Getting it does nothing: scanners of
 * mail do that. What it does is done by its buttons, with the token from its fragment.
 */
export default fp(
  async (fastify) => {
    if (fastify.mailTransport.kind === 'off') return
    await fastify.register(async (scope) => {
      scope.addHook('onRequest', (_request, reply, done) => {
        void reply.headers(headers)
        done()
      })
      await scope.register(fastifyStatic, {
        root: fileURLToPath(new URL('../confirm', import.meta.url)),
        prefix: '/auth/confirm/',
        wildcard: false,
        index: false,
        cacheControl: false
      })
      scope.get('/auth/confirm', { schema: { hide: true } }, (_request, reply) =>
        reply.sendFile('index.html')
      )
    })
  },
  { name: 'confirm-page', dependencies: ['errors', 'security-headers', 'mail-transport'] }
)
