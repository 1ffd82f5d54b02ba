import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Accepted, answers, Nothing } from '../../schemas/answers.ts'
import { EmailTokenBody } from '../../schemas/email.ts'

const verifyEmail: FastifyPluginAsyncTypebox = async (fastify) => {
  const { required } = fastify.mails

  fastify.post(
    '/auth/verify-email/send',
    {
      onRequest: [fastify.authenticateStrictly, required],
      schema: {
        tags: ['email'],
        summary: 'Send the link that confirms the email address',
        description: 'Nothing is sent where it is confirmed already. An earlier link is worth nothing then.',
        security: [{ accessToken: [] }],
        response: answers(202, Accepted)
      }
    },
    async (request, reply) => {
      await fastify.throttles.mail(request.cameFrom(), request.auth.sub)
      await fastify.mails.order({ kind: 'verify_email', user_id: request.auth.sub })
      return reply.code(202).send({})
    }
  )

  fastify.post(
    '/auth/verify-email',
    {
      onRequest: required,
      schema: {
        tags: ['email'],
        summary: 'Confirm the email address',
        description: 'Access tokens say so from the next refresh on.',
        body: EmailTokenBody,
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      await fastify.credentials.verifyEmail(request.body.token, request.cameFrom())
      return reply.code(204).send(null)
    }
  )
}

export default verifyEmail
