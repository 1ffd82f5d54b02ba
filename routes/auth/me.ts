import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '../../lib/problem.ts'
import { answers, Nothing } from '../../schemas/answers.ts'
import { UpdateUserBody } from '../../schemas/auth.ts'
import { User } from '../../schemas/tokens.ts'

const me: FastifyPluginAsyncTypebox = async (fastify) => {
  const gone = () => new Problem('session_revoked', 'This account is gone.')

  fastify.get(
    '/auth/me',
    {
      onRequest: fastify.authenticate,
      config: { deadline: false },
      schema: {
        tags: ['user'],
        summary: 'The user',
        security: [{ accessToken: [] }],
        response: answers(200, User)
      }
    },
    async (request, reply) => {
      const user = await fastify.users.findById(request.auth.sub)
      if (!user) throw gone()
      return reply.header('cache-control', 'no-store').send(user)
    }
  )

  fastify.patch(
    '/auth/me',
    {
      onRequest: fastify.authenticateStrictly,
      schema: {
        tags: ['user'],
        summary: 'Change the name',
        security: [{ accessToken: [] }],
        body: UpdateUserBody,
        response: answers(200, User)
      }
    },
    async (request, reply) => {
      const user = await fastify.users.rename(request.auth.sub, request.body.name)
      if (!user) throw gone()
      fastify.securityEvents.record({ ...request.cameFrom(), type: 'account_updated', user_id: user.id })
      return reply.header('cache-control', 'no-store').send(user)
    }
  )

  fastify.delete(
    '/auth/me',
    {
      onRequest: [fastify.authenticateStrictly, fastify.requireRecentAuthentication],
      schema: {
        tags: ['user'],
        summary: 'Delete the account',
        description: 'Removes whatever tells of the person, and ends every session. It can not be undone.',
        security: [{ accessToken: [] }],
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      await fastify.accounts.remove(request.auth.sub, request.cameFrom())
      return reply.clearRefreshCookie().code(204).send(null)
    }
  )
}

export default me
