import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { digest } from '../../lib/digest.ts'
import { Problem } from '../../lib/problem.ts'
import type { IssuedTokens, SignIn } from '../../lib/session.ts'
import { accountDisabled } from '../../lib/user.ts'
import { answers } from '../../schemas/answers.ts'
import { LoginBody } from '../../schemas/auth.ts'
import { SignInHeaders } from '../../schemas/headers.ts'
import { TokenAnswer } from '../../schemas/tokens.ts'

const login: FastifyPluginAsyncTypebox = async (fastify) => {
  const rehash = async (user_id: string, password_hash: string, password: string) =>
    fastify.users.replacePasswordHash(user_id, password_hash, await fastify.passwords.hash(password))

  const logIn = async (
    request: FastifyRequest<{ Body: LoginBody }>,
    signIn: SignIn
  ): Promise<IssuedTokens> => {
    const { email, password } = request.body
    const { device_id } = signIn
    const device_id_hash = device_id === null ? null : digest(device_id)
    const account = await fastify.users.findByEmail(email, device_id_hash)
    const known_device = account?.known_device ? device_id_hash : null
    // OWASP ASVS 5.0 V6.3.8: an unknown user takes as long and is answered the same as a wrong password.
    const hash = account?.password_hash ?? fastify.unknownUsers.hashFor(email)
    const proved = await fastify.throttles.login(email, request.cameFrom(), known_device, () =>
      fastify.passwords.verify(hash, password)
    )
    if (!account?.password_hash || !proved) {
      fastify.securityEvents.record({
        ...request.cameFrom(),
        type: 'login_failed',
        user_id: account?.user.id ?? null
      })
      throw new Problem('invalid_credentials', 'There is no account with this email address and password.')
    }
    if (account.disabled) throw accountDisabled(account.disabled_until)

    const { user, password_hash, password_version } = account
    const issued = await fastify.sessions.start(user, ['pwd'], signIn, { password_version })
    if (fastify.passwords.needsRehash(password_hash)) {
      // The login stands without it: the next one tries again.
      await rehash(user.id, password_hash, password).catch((error: unknown) => {
        request.log.warn({ err: error }, 'a password could not be hashed anew')
      })
    }
    return issued
  }

  fastify.post(
    '/auth/login',
    {
      onRequest: fastify.refuseCrossSite,
      schema: {
        tags: ['auth'],
        summary: 'Log in',
        description: 'JSON, or an HTML form.',
        consumes: ['application/json', 'application/x-www-form-urlencoded'],
        headers: SignInHeaders,
        body: LoginBody,
        response: answers(200, TokenAnswer)
      }
    },
    async (request, reply) => {
      const signIn = request.signIn()
      const issued = await fastify.passwords.admit(() =>
        fastify.passwords.takeTurn(request, () => logIn(request, signIn))
      )
      return reply.setDeviceCookie(signIn).sendTokens(issued)
    }
  )
}

export default login
