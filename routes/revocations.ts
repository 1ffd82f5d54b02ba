import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { digest } from '../lib/digest.ts'
import { answers, Nothing } from '../schemas/answers.ts'
import {
  RevocationHeaders,
  RevocationQuery,
  Revocations,
  RevocationStream,
  RevocationStreamHeaders
} from '../schemas/revocations.ts'

/** ms; node's longest timer. A stream goes on for as long as both sides like. */
const noTimeout = 2_147_483_647

const revocations: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get(
    '/revocations',
    {
      logLevel: 'warn',
      schema: {
        tags: ['revocations'],
        summary: 'What was revoked lately',
        description: 'For services that check access tokens themselves. 304 where nothing is new.',
        querystring: RevocationQuery,
        headers: RevocationHeaders,
        response: { ...answers(200, Revocations), 304: Nothing }
      }
    },
    async (request, reply) => {
      const { since } = request.query
      const answer = fastify.revocationFeed.since(since === undefined ? undefined : Date.parse(since))
      // Weak: as_of moves on by itself (RFC 9110 §8.8.1).
      const etag = `W/"${digest(answer.revoked.join())}"`
      void reply.headers({ etag, 'cache-control': 'public, max-age=1' })
      if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send(null)
      return reply.send(answer)
    }
  )

  fastify.get(
    '/revocations/stream',
    {
      logLevel: 'warn',
      exposeHeadRoute: false,
      config: { deadline: false },
      handlerTimeout: noTimeout,
      schema: {
        tags: ['revocations'],
        summary: 'The same, as it happens',
        description: 'Server-sent events.',
        produces: ['text/event-stream'],
        headers: RevocationStreamHeaders,
        response: answers(200, RevocationStream)
      }
    },
    async (request, reply) => {
      const since = Date.parse(request.headers['last-event-id'] ?? '')
      const stream = fastify.revocationStreams.open(Number.isNaN(since) ? undefined : since)
      // No proxy in between may keep what it gets until there is more (nginx reads the last one).
      return reply
        .type('text/event-stream')
        .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
        .send(stream)
    }
  )
}

export default revocations
