import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Empty, formType, oauthAnswers, OauthTokenReference } from '../../schemas/oauth.ts'

const revoke: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/oauth/revoke',
    {
      config: { errors: 'oauth' },
      preValidation: async (request) => {
        await fastify.oauthClients.authenticate(request)
      },
      schema: {
        tags: ['oauth'],
        summary: 'End the session of an access or refresh token (RFC 7009)',
        description:
          'Also 200 where there is nothing to end. Client credentials are not needed; wrong ones are refused.',
        consumes: [formType],
        body: OauthTokenReference,
        response: oauthAnswers(Empty)
      }
    },
    async (request, reply) => {
      const token = await fastify.readToken(request.body.token, { expired: true })
      // RFC 7009 §2.1: with a refresh token its access tokens end too, and here also the reverse: a session is one.
      if (token) await fastify.sessions.revoke([token.claims.sid], 'logout', request.cameFrom())
      return reply.header('cache-control', 'no-store').send('')
    }
  )
}

export default revoke
