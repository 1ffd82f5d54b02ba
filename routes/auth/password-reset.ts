import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Accepted, answers, Nothing } from '../../schemas/answers.ts'
import { ForgotPasswordBody, ResetPasswordBody } from '../../schemas/email.ts'
import { SignInHeaders } from '../../schemas/headers.ts'

const passwordReset: FastifyPluginAsyncTypebox = async (fastify) => {
  const { required } = fastify.mails

  fastify.post(
    '/auth/password/forgot',
    {
      onRequest: required,
      schema: {
        tags: ['email'],
        summary: 'Send the link that resets the password',
        description: 'The same answer, as fast, whether or not there is an account with this address.',
        body: ForgotPasswordBody,
        response: answers(202, Accepted)
      }
    },
    async (request, reply) => {
      await fastify.throttles.mail(request.cameFrom(), request.body.email)
      // OWASP ASVS 5.0 V6.3.8: whether there is an account, nobody asks before the answer is out.
      await fastify.mails.order({
        kind: 'password_reset',
        email: request.body.email,
        by: request.cameFrom()
      })
      return reply.code(202).send({})
    }
  )

  fastify.post(
    '/auth/password/reset',
    {
      onRequest: required,
      schema: {
        tags: ['email'],
        summary: 'Choose a new password by the link of a mail',
        description:
          'Ends every session, and makes none: log in with the new password. Confirms the address.',
        headers: SignInHeaders,
        body: ResetPasswordBody(fastify.configuration.PASSWORD_MIN_LENGTH),
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      const { token, new_password } = request.body
      const signIn = request.signIn()
      await fastify.passwords.admit(async () => {
        const owner = await fastify.passwords.takeTurn(request, () =>
          fastify.credentials.findPasswordReset(token)
        )
        await fastify.passwordPolicy.check(new_password, '/new_password', owner)
        await fastify.passwords.takeTurn(request, () =>
          fastify.credentials.resetPassword(token, owner, new_password, signIn)
        )
      })
      return reply.setDeviceCookie(signIn).code(204).send(null)
    }
  )
}

export default passwordReset
