import fastifyStatic from '@fastify/static'
import fp from 'fastify-plugin'
import { fileURLToPath } from 'node:url'
import { pagePolicy } from '../lib/content-security-policy.ts'

const contentSecurityPolicy = pagePolicy()

/**
 * The page at `/auth/confirm`, to which the links of mails lead, and its files. Getting it does nothing: scanners of
 * mail do that. What it does is done by its buttons, with the token from its fragment.
 */
export default fp(
  async (fastify) => {
    if (fastify.mailTransport.kind === 'off') return
    await fastify.register(async (scope) => {
      scope.addHook('onRequest', (_request, reply, done) => {
        void reply.headers({
          'content-security-policy': contentSecurityPolicy,
          'cache-control': 'no-cache',
          // Also where the host app has set another one.
          'referrer-policy': 'no-referrer'
        })
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
