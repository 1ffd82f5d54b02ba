import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AuthorizationServerMetadata } from '../schemas/oauth.ts'
import { jwksMaxAge, JsonWebKeySet } from '../schemas/well-known.ts'

const wellKnown: FastifyPluginAsyncTypebox = async (fastify) => {
  const issuer = fastify.configuration.PUBLIC_URL
  const known = ['client_secret_basic', 'client_secret_post']
  const metadata = {
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    // Required by RFC 8414 §2, though people log in by our API and not at an authorization endpoint.
    response_types_supported: [],
    grant_types_supported: ['refresh_token'],
    token_endpoint_auth_methods_supported: ['none', ...known],
    introspection_endpoint_auth_methods_supported: known,
    revocation_endpoint_auth_methods_supported: ['none', ...known],
    service_documentation: `${issuer}/docs`
  }

  fastify.get(
    '/.well-known/oauth-authorization-server',
    {
      schema: {
        tags: ['oauth'],
        summary: 'What the OAuth endpoints are and can do (RFC 8414)',
        response: { 200: AuthorizationServerMetadata }
      }
    },
    async (_request, reply) =>
      reply.header('cache-control', `public, max-age=${String(jwksMaxAge)}`).send(metadata)
  )

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
