import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '../../lib/problem.ts'
import { accountDisabled } from '../../lib/user.ts'
import { answers } from '../../schemas/answers.ts'
import { LoginBody } from '../../schemas/auth.ts'
import { SignInHeaders } from '../../schemas/headers.ts'
import { TokenAnswer } from '../../schemas/tokens.ts'

const login: FastifyPluginAsyncTypebox = async (fastify) => {
  const rehash = async (user_id: string, password_hash: string, password: string) =>
    fastify.users.replacePasswordHash(user_id, password_hash, await fastify.passwords.hash(password))

  fastify.post(
    '/auth/login',
    {
      onRequest: fastify.refuseCrossSite,
      preHandler: fastify.passwords.admit,
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
      const { email, password } = request.body
      const account = await fastify.users.findByEmail(email)
      // OWASP ASVS 5.0 V6.3.8: an unknown user takes as long and is answered the same as a wrong password.
      const proved = await fastify.passwords.verify(account?.password_hash, password)
      if (!account || !proved) {
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
      return reply.setDeviceCookie(signIn).sendTokens(issued)
    }
  )
}

export default login
