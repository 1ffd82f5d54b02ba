import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '../../lib/problem.ts'
import { refreshTokenInvalid } from '../../lib/session-refusal.ts'
import { RefreshHeaders } from '../../schemas/headers.ts'
import { formType, oauthAnswers, OauthTokenAnswer, OauthTokenBody } from '../../schemas/oauth.ts'

const token: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/oauth/token',
    {
      config: { errors: 'oauth' },
      preValidation: async (request) => {
        // RFC 6749 §6: whoever shows client credentials is checked by them. Our own apps have none (§2.1).
        await fastify.oauthClients.authenticate(request)
      },
      schema: {
        tags: ['oauth'],
        summary: 'Exchange the refresh token of a native session (RFC 6749 §6)',
        description: 'Client credentials are not needed; wrong ones are refused.',
        consumes: [formType],
        headers: RefreshHeaders,
        body: OauthTokenBody,
        response: oauthAnswers(OauthTokenAnswer)
      }
    },
    async (request, reply) => {
      const { grant_type, refresh_token = '', scope = '' } = request.body
      if (grant_type !== 'refresh_token')
        throw new Problem('unsupported_grant_type', 'The only grant_type here is refresh_token.')
      if (refresh_token === '') throw new Problem('invalid_request', 'refresh_token is missing.')
      // RFC 6749 §6: no scope beyond what was granted, and none was.
      if (scope !== '') throw new Problem('invalid_scope', 'There are no scopes here; leave scope out.')

      const claims = await fastify.refreshTokens.verify(refresh_token).catch(refreshTokenInvalid)
      const issued = await fastify.refreshSession({
        claims,
        client: 'native',
        device_id: request.deviceId(),
        idempotency_key: request.headers['idempotency-key'] ?? null,
        ...request.cameFrom()
      })
      const { access_token, expires_in } = issued
      // RFC 6749 §5.1
      void reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
      return reply.send({
        access_token,
        token_type: 'Bearer' as const,
        expires_in,
        refresh_token: issued.refresh_token
      })
    }
  )
}

export default token
