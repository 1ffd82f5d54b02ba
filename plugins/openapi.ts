import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { openerPolicy } from '../lib/page-headers.ts'
import { problems } from '../lib/problem.ts'

const problemTable = [
  '| code | status | action | |',
  '|---|---|---|---|',
  ...Object.entries(problems).map(
    ([code, { status, action, title }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${String(status)} | ${action} | ${title} |`
  )
].join('\n')

/** `/docs` and `/docs/json`: OpenAPI 3.1 from the same schemas that validate. Registered before the routes. */
export default fp(
  async (fastify) => {
    await fastify.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Latchkey',
          version: '0.1.0',
          description: `Errors are RFC 9457 problem documents; \`code\` is one of these.\n\n${problemTable}`
        },
        servers: [{ url: fastify.configuration.PUBLIC_URL }],
        components: {
          securitySchemes: {
            accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
            client: {
              type: 'http',
              scheme: 'basic',
              description: 'client_id and client_secret (RFC 6749 §2.3.1)'
            }
          }
        }
      }
    })
    await fastify.register(async (scope) => {
      scope.addHook('onRequest', (_request, reply, done) => {
        void reply.headers(openerPolicy)
        done()
      })
      await scope.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
    })
  },
  { name: 'openapi', dependencies: ['configuration'] }
)
