import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answers, Nothing } from '../../schemas/answers.ts'
import { ChangePasswordBody } from '../../schemas/auth.ts'

const password: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/auth/password',
    {
      // OWASP ASVS 5.0 V6.2.3, V7.5.1: a recent login, and the current password too.
      onRequest: [fastify.authenticateStrictly, fastify.requireRecentAuthentication],
      schema: {
        tags: ['user'],
        summary: 'Change the password',
        description: 'Every other session of the user ends.',
        security: [{ accessToken: [] }],
        body: ChangePasswordBody(fastify.configuration.PASSWORD_MIN_LENGTH),
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      const { sub, sid } = request.auth
      const { current_password, new_password } = request.body
      const by = request.cameFrom()
      await fastify.passwords.admit(async () => {
        const { user, password_version } = await fastify.reauthentication.check(
          request.auth,
          current_password,
          by
        )
        await fastify.passwordPolicy.check(new_password, '/new_password', user)
        await fastify.credentials.changePassword(sub, new_password, by, {
          reason: 'password_changed',
          password_version,
          except: sid
        })
      })
      return reply.code(204).send(null)
    }
  )
}

export default password
