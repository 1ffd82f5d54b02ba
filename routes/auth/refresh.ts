import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '../../lib/problem.ts'
import { refreshTokenInvalid } from '../../lib/session-refusal.ts'
import { answers } from '../../schemas/answers.ts'
import { RefreshHeaders } from '../../schemas/headers.ts'
import { TokenAnswer } from '../../schemas/tokens.ts'

const refresh: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/auth/refresh',
    {
      onRequest: fastify.refuseCrossSite,
      // What ends the session also takes its cookie away, in the same answer; nothing else does.
      onError: async (_request, reply, error) => {
        if (error instanceof Problem && error.action === 'reauthenticate') reply.clearRefreshCookie()
      },
      schema: {
        tags: ['auth'],
        summary: 'Exchange the refresh token',
        description: 'The token comes in the cookie, or as Authorization: Bearer for a native session.',
        headers: RefreshHeaders,
        response: answers(200, TokenAnswer)
      }
    },
    async (request, reply) => {
      const { token, client } = request.refreshCredential()
      // Forged, foreign, expired: refused before any store is asked.
      const claims = await fastify.refreshTokens.verify(token).catch(refreshTokenInvalid)
      const issued = await fastify.refreshSession({
        claims,
        client,
        device_id: request.deviceId(),
        idempotency_key: request.headers['idempotency-key'] ?? null,
        // Last: what follows a spread takes V8 a microsecond or two each (docs/adr/0027).
        ...request.cameFrom()
      })
      return reply.sendTokens(issued)
    }
  )
}

export default refresh
