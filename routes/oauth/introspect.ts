import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { invalidClient } from '../../lib/client-credentials.ts'
import { formType, Introspection, oauthAnswers, OauthTokenReference } from '../../schemas/oauth.ts'

const introspect: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/oauth/introspect',
    {
      config: { errors: 'oauth' },
      preValidation: async (request) => {
        // RFC 7662 §2.1: only who is known may ask, so that nobody tries tokens out here.
        if (!(await fastify.oauthClients.authenticate(request)))
          throw invalidClient('Client credentials are needed: latchkey clients create makes them.')
      },
      schema: {
        tags: ['oauth'],
        summary: 'What an access or refresh token is worth now (RFC 7662)',
        consumes: [formType],
        security: [{ client: [] }],
        body: OauthTokenReference,
        response: oauthAnswers(Introspection)
      }
    },
    async (request, reply) => {
      return reply.header('cache-control', 'no-store').send(await fastify.introspect(request.body.token))
    }
  )
}

export default introspect
