import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { jwksMaxAge, JsonWebKeySet } from '../schemas/well-known.ts'

const wellKnown: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get(
    '/.well-known/jwks.json',
    {
      schema: {
        tags: ['keys'],
        summary: 'Public keys of access tokens (RFC 7517)',
        response: { 200: JsonWebKeySet }
      }
    },
    async (_request, reply) =>
      reply.header('cache-control', `public, max-age=${String(jwksMaxAge)}`).send(fastify.signingKeys.jwks)
  )
}

export default wellKnown
