import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Nothing } from '../../schemas/answers.ts'
import { formType, oauthAnswers, OauthTokenReference } from '../../schemas/oauth.ts'

const revoke: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/oauth/revoke',
    {
      config: { errors: 'oauth' },
      schema: {
        tags: ['oauth'],
        summary: 'End the session of an access or refresh token (RFC 7009)',
        description:
          'Also 200 where there is nothing to end. Client credentials are not needed; wrong ones are refused.',
        consumes: [formType],
        body: OauthTokenReference,
        response: oauthAnswers(Nothing)
      }
    },
    async (request, reply) => {
      await fastify.oauthClients.authenticate(request)
      const token = await fastify.readToken(request.body.token, { expired: true })
      // RFC 7009 §2.1: with a refresh token its access tokens end too, and here also the reverse: a session is one.
      if (token) await fastify.sessions.revoke([token.claims.sid], 'logout', request.cameFrom())
      return reply.header('cache-control', 'no-store').code(200).send(null)
    }
  )
}

export default revoke
