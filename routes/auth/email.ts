import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Accepted, answers, Nothing } from '../../schemas/answers.ts'
import { ChangeEmailBody, EmailTokenBody } from '../../schemas/email.ts'

const email: FastifyPluginAsyncTypebox = async (fastify) => {
  const { required } = fastify.mails

  fastify.post(
    '/auth/email',
    {
      onRequest: [fastify.authenticateStrictly, fastify.requireRecentAuthentication, required],
      schema: {
        tags: ['email'],
        summary: 'Ask for another email address',
        description:
          'Sends a link to the new address, and tells the old one. The same answer where the address is taken: the mail says so. The link is good as long as this session lives.',
        security: [{ accessToken: [] }],
        body: ChangeEmailBody,
        response: answers(202, Accepted)
      }
    },
    async (request, reply) => {
      const { sub, sid } = request.auth
      await fastify.throttles.mail(request.cameFrom(), request.body.email)
      await fastify.credentials.requestEmailChange(sub, request.body.email, sid, request.cameFrom())
      return reply.code(202).send({})
    }
  )

  fastify.post(
    '/auth/email/confirm',
    {
      onRequest: required,
      schema: {
        tags: ['email'],
        summary: 'Change the email address by the link of a mail',
        description: 'Ends every session but the one that asked, and tells both addresses.',
        body: EmailTokenBody,
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      await fastify.credentials.changeEmail(request.body.token, request.cameFrom())
      return reply.code(204).send(null)
    }
  )
}

export default email
