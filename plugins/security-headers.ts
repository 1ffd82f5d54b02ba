import cors from '@fastify/cors'
import fp from 'fastify-plugin'
import helmet, { type HelmetOptions } from 'helmet'
import { IncomingMessage, ServerResponse, type OutgoingHttpHeaders } from 'node:http'
import { Socket } from 'node:net'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `false`: @fastify/cors leaves the route alone, preflights included. */
    cors?: false
  }
}

/**
 * Security headers (OWASP ASVS 5.0 V3.4) and CORS. Where the host app has registered @fastify/helmet or
 * @fastify/cors itself, its settings hold for our routes too.
 */
export default fp(
  async (fastify) => {
    const { ALLOWED_ORIGINS, NODE_ENV } = fastify.configuration
    if (!fastify.hasPlugin('@fastify/helmet')) {
      const headers = headersOf({
        contentSecurityPolicy: {
          useDefaults: false,
          directives: {
            defaultSrc: ["'none'"],
            frameAncestors: ["'none'"],
            baseUri: ["'none'"],
            formAction: ["'none'"]
          }
        },
        crossOriginResourcePolicy: { policy: ALLOWED_ORIGINS.length > 0 ? 'cross-origin' : 'same-origin' },
        referrerPolicy: { policy: 'no-referrer' },
        // On http://localhost it would bind every other server of the developer to HTTPS.
        strictTransportSecurity:
          NODE_ENV === 'production' ? { maxAge: 31_536_000, includeSubDomains: true } : false,
        xFrameOptions: { action: 'deny' },
        // Of documents only, or of browsers that nobody has any more: on an answer of JSON they say nothing.
        crossOriginOpenerPolicy: false,
        originAgentCluster: false,
        xDnsPrefetchControl: false,
        xDownloadOptions: false,
        xPermittedCrossDomainPolicies: false,
        xXssProtection: false
      })
      fastify.addHook('onRequest', (_request, reply, done) => {
        void reply.headers(headers)
        done()
      })
    }
    // ASVS 5.0 V3.4.2: an exact list; never a reflection of the Origin, never null, never a wildcard.
    if (ALLOWED_ORIGINS.length > 0 && !fastify.hasPlugin('@fastify/cors')) {
      await fastify.register(cors, {
        origin: ALLOWED_ORIGINS,
        credentials: true,
        methods: ['GET', 'POST', 'PATCH', 'DELETE'],
        allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-client', 'x-device-id'],
        exposedHeaders: ['retry-after', 'www-authenticate', 'x-new-token'],
        maxAge: 600,
        // What is no preflight is answered without a body; else it would be plain text, not a problem.
        strictPreflight: false
      })
    }
  },
  { name: 'security-headers', dependencies: ['configuration'] }
)

/** What helmet sets on every answer alike: asked for once, in place of at every request. */
function headersOf(options: HelmetOptions): OutgoingHttpHeaders {
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  // It has nothing to wait for, and nothing that can go wrong: what follows it is this.
  helmet(options)(request, response, () => undefined)
  // A copy, as it is an object without a prototype, which takes longer to go through.
  return { ...response.getHeaders() }
}
