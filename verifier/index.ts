import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../lib/problem.ts'
import { accessTokenClaims, readAuth, type Authenticated } from '../lib/request-auth.ts'
import type { AccessTokenClaims } from '../schemas/tokens.ts'
import { requireRecentAuth, requireRole } from './guards.ts'
import type { VerifierOptions } from './options.ts'
import { createVerifier, type Verifier } from './verifier.ts'

export { ConfigurationError } from '../lib/configuration-error.ts'
export { Problem } from '../lib/problem.ts'
export type { ProblemCode } from '../lib/problem.ts'
export type { AccessTokenClaims } from '../schemas/tokens.ts'
export { requireRecentAuth, requireRole } from './guards.ts'
export type { ClientCredentials } from './introspection.ts'
export type { VerifierOptions } from './options.ts'
export type { SourceStatus } from './source.ts'
export { createVerifier } from './verifier.ts'
export type { RefusalAnswer, Verifier, VerifierStatus } from './verifier.ts'

/** An `onRequest` hook that lets a request through or answers it. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

declare module 'fastify' {
  interface FastifyInstance {
    /** `onRequest` hook: lets a request through that has a valid access token, and sets `request.auth`. */
    authenticate: Guard
    /** Makes a hook to stand after `authenticate`: 403 where the user has another role. */
    requireRole: (role: string) => Guard
    /** Makes a hook to stand after `authenticate`: 401 where the login is older than so many seconds (RFC 9470). */
    requireRecentAuth: (max_age: number) => Guard
    verifier: Verifier
  }
  interface FastifyRequest {
    /** Claims of the access token, set by `authenticate`. @throws where that hook has not run */
    readonly auth: AccessTokenClaims
  }
}

type Options = Omit<VerifierOptions, 'onStatus'>

const plugin: FastifyPluginAsync<Options> = async (fastify, options) => {
  if (fastify.hasRequestDecorator('auth')) {
    throw new Error(
      'This app has a request.auth already: Latchkey itself needs no verifier, nor is one needed twice'
    )
  }
  const verifier = createVerifier({
    ...options,
    onStatus({ state, ...status }) {
      if (state === 'ok') fastify.log.info(status, 'the auth server answers')
      else if (state === 'stale')
        fastify.log.warn(
          status,
          'the auth server does not answer: going on with the keys and revocations at hand'
        )
      else fastify.log.warn(status, 'the auth server has not answered yet: access tokens can not be checked')
    }
  })
  fastify.addHook('preClose', async () => {
    verifier.close()
  })
  await verifier.ready()

  /** Answers what is refused here, whatever the app's error handler makes of errors. */
  const guard =
    (check: (request: FastifyRequest & Authenticated) => void | Promise<void>): Guard =>
    async (request, reply) => {
      try {
        await check(request)
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        request.log.debug({ code: error.code, err: error }, 'request refused')
        const { status, headers, body } = verifier.answer(error, request.id)
        await reply.code(status).headers(headers).send(body)
      }
    }

  fastify.decorate('verifier', verifier)
  fastify.decorateRequest('auth', { getter: readAuth })
  fastify.decorate(
    'authenticate',
    guard(async (request) => {
      request[accessTokenClaims] = await verifier.authenticate(request.headers.authorization)
    })
  )
  fastify.decorate('requireRole', (role) =>
    guard(({ auth }) => {
      requireRole(auth, role)
    })
  )
  fastify.decorate('requireRecentAuth', (max_age) =>
    guard(({ auth }) => {
      requireRecentAuth(auth, max_age)
    })
  )
}

/**
 * Protects the routes of a Fastify app with the access tokens of a Latchkey server. Waits for its keys and
 * revocations at start; where they can not be had, the app starts all the same and answers 503 until they are.
 * @throws ConfigurationError naming each bad option
 */
const verifier = fp(plugin, { name: 'latchkey-verifier', fastify: '5.x' })
export default verifier
