import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answers } from '../../schemas/answers.ts'
import { ReauthenticateBody } from '../../schemas/auth.ts'
import { TokenAnswer } from '../../schemas/tokens.ts'

const reauthenticate: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.post(
    '/auth/reauthenticate',
    {
      onRequest: fastify.authenticateStrictly,
      schema: {
        tags: ['user'],
        summary: 'Prove again who you are',
        description:
          'Gives an access token with a new `auth_time`, for what needs a recent login. That token only: the session stays as it is.',
        security: [{ accessToken: [] }],
        body: ReauthenticateBody,
        response: answers(200, TokenAnswer)
      }
    },
    async (request, reply) => {
      const { password } = request.body
      const answer = await fastify.passwords.admit(() =>
        fastify.passwords.takeTurn(request, () =>
          fastify.reauthentication.perform(request.auth, password, request.cameFrom())
        )
      )
      return reply.header('cache-control', 'no-store').send(answer)
    }
  )
}

export default reauthenticate
