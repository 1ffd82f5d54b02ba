import fp from 'fastify-plugin'
import { readAuth } from '../lib/request-auth.ts'
import type { AccessTokenClaims } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Claims of the access token, set by `authenticate`. @throws where that hook has not run */
    readonly auth: AccessTokenClaims
  }
}

/** Decorates requests with `request.auth`, in the host app too. */
export default fp(
  async (fastify) => {
    if (fastify.hasRequestDecorator('auth')) {
      throw new Error(
        'This app has a request.auth already, from another plugin or another Latchkey: ' +
          'register each Latchkey once, in a scope of its own'
      )
    }
    fastify.decorateRequest('auth', { getter: readAuth })
  },
  { name: 'request-auth' }
)
