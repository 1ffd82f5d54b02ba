import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SignupBody } from '../../schemas/auth.ts'
import { SignInHeaders } from '../../schemas/headers.ts'
import { answers } from '../../schemas/answers.ts'
import { TokenAnswer } from '../../schemas/tokens.ts'

const signup: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/auth/signup',
    {
      onRequest: fastify.refuseCrossSite,
      preHandler: fastify.passwords.admit,
      schema: {
        tags: ['auth'],
        summary: 'Make an account and log in',
        headers: SignInHeaders,
        body: SignupBody(fastify.configuration.PASSWORD_MIN_LENGTH),
        response: answers(201, TokenAnswer)
      }
    },
    async (request, reply) => {
      const signIn = request.signIn()
      const { email, password, name = null } = request.body
      await fastify.passwordPolicy.check(password, '/password', { email, name })
      const user = fastify.users.make(email, name)
      const issued = await fastify.throttles.signup(request.cameFrom(), async () => {
        const password_hash = await fastify.passwords.hash(password)
        return fastify.sessions.start(user, ['pwd'], signIn, {
          insertUser: (transaction) => fastify.users.insert(transaction, user, password_hash)
        })
      })
      return reply.code(201).setDeviceCookie(signIn).sendTokens(issued)
    }
  )
}

export default signup
