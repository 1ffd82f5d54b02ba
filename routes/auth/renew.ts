import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { accessTokenMissing } from '../../lib/access-token-refusal.ts'
import { bearerToken } from '../../lib/bearer.ts'
import { Problem } from '../../lib/problem.ts'
import { answers } from '../../schemas/answers.ts'
import { RefreshHeaders } from '../../schemas/headers.ts'
import { TokenAnswer } from '../../schemas/tokens.ts'

const renew: FastifyPluginAsyncTypebox = async (fastify) => {
  const { SINGLE_TOKEN } = fastify.configuration

  fastify.post(
    '/auth/renew',
    {
      schema: {
        tags: ['auth'],
        summary: 'Trade an access token for a new one',
        description: 'Only with `SINGLE_TOKEN=true`. The old one is refused from then on.',
        security: [{ accessToken: [] }],
        headers: RefreshHeaders,
        response: answers(200, TokenAnswer)
      }
    },
    async (request, reply) => {
      const token = bearerToken(request.headers.authorization)
      if (token === undefined) throw accessTokenMissing()
      if (!SINGLE_TOKEN)
        throw new Problem('not_found', 'Access tokens are not renewed here: SINGLE_TOKEN is off.')
      const answer = await fastify.renewAccessToken({
        ...request.cameFrom(),
        token,
        idempotency_key: request.headers['idempotency-key'] ?? null
      })
      return reply.header('cache-control', 'no-store').send(answer)
    }
  )
}

export default renew
