import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { isLoopback } from '../lib/network.ts'
import { outboxPage } from '../lib/outbox-page.ts'
import { openerPolicy } from '../lib/page-headers.ts'
import { Problem } from '../lib/problem.ts'
import { Outbox } from '../schemas/dev-outbox.ts'

/** The mails that are not sent, in development without SMTP. To this machine only: there are tokens in them. */
const devOutbox: FastifyPluginAsyncTypebox = async (fastify) => {
  if (fastify.mailTransport.kind !== 'outbox') return

  fastify.get(
    '/dev/outbox',
    {
      // The name as well as the address: a page elsewhere may have a name that leads here (DNS rebinding).
      async onRequest({ socket, ip, hostname }) {
        const here = [socket.remoteAddress, ip].every((address) => isLoopback(address ?? ''))
        if (!here || !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
          throw new Problem('not_found', 'The outbox is open to this machine only, as localhost.')
      },
      logLevel: 'warn',
      schema: { hide: true, response: { 200: Outbox } }
    },
    async (request, reply) => {
      await fastify.mails.deliver()
      const mails = await fastify.mails.kept()
      void reply.header('cache-control', 'no-store')
      if (!request.headers.accept?.includes('text/html')) return { mails }
      void reply.headers({
        ...openerPolicy,
        'content-security-policy': "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
      })
      return reply
        .type('text/html; charset=utf-8')
        .serializer(String)
        .send(outboxPage(mails) as never)
    }
  )
}

export default devOutbox
