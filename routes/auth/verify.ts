import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { onRequestAsyncHookHandler } from 'fastify'
import { endOfTurn } from '../../lib/end-of-turn.ts'
import { answers, Nothing } from '../../schemas/answers.ts'

/** A header is ASCII, and a role may be any text: what is no letter or digit of it is percent-encoded. */
const headerText = (text: string) =>
  /^\w+$/.test(text) ? text : encodeURIComponent(Buffer.from(text).toString())

const verify: FastifyPluginAsyncTypebox = async (fastify) => {
  /** Every 204 has all three, so that none of a client's own gets past the gateway. */
  const answer: onRequestAsyncHookHandler = async (request, reply) => {
    await endOfTurn()
    const { sub, sid, role } = request.auth
    return reply
      .code(204)
      .headers({
        'x-auth-user': sub,
        'x-auth-session': sid,
        'x-auth-role': headerText(role),
        'cache-control': 'no-store'
      })
      .send()
  }

  const options = {
    logLevel: 'warn' as const,
    // Answered before a body is read, whatever it is.
    onRequest: [fastify.authenticate, answer],
    // A preflight must not be answered with the 204 that means yes.
    config: { cors: false, deadline: false } as const
  }
  const handler = async () => null

  fastify.get(
    '/auth/verify',
    {
      ...options,
      schema: {
        tags: ['auth'],
        summary: 'Check an access token for a gateway',
        description: 'Answers with `X-Auth-User`, `X-Auth-Session` and `X-Auth-Role`. Asks no store.',
        security: [{ accessToken: [] }],
        response: answers(204, Nothing)
      }
    },
    handler
  )

  // Envoy asks with the method and the path of the request that it holds.
  fastify.all('/auth/verify/*', { ...options, schema: { hide: true } }, handler)
  fastify.options('/auth/verify', { ...options, schema: { hide: true } }, handler)
}

export default verify
