import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '../../lib/problem.ts'
import { byAdministrator } from '../../lib/session.ts'
import { administratorRole, userNotFound } from '../../lib/user.ts'
import { AdministeredSessionList, UserParams, UserSessionParams } from '../../schemas/admin.ts'
import { answers, Nothing } from '../../schemas/answers.ts'

const userSessions: FastifyPluginAsyncTypebox = async (fastify) => {
  const common = { tags: ['administration'], security: [{ accessToken: [] }] }
  const toRead = [fastify.authenticateStrictly, fastify.requireRole(administratorRole)]
  const toChange = [...toRead, fastify.requireRecentAuthentication]

  const userMustExist = async (id: string) => {
    if (!(await fastify.users.findById(id))) throw userNotFound()
  }

  fastify.get(
    '/admin/users/:id/sessions',
    {
      onRequest: toRead,
      schema: {
        ...common,
        summary: 'The live sessions of a user',
        params: UserParams,
        response: answers(200, AdministeredSessionList)
      }
    },
    async (request, reply) => {
      const { id } = request.params
      await userMustExist(id)
      const sessions = await fastify.sessionRecords.list(id)
      return reply.header('cache-control', 'no-store').send({ sessions })
    }
  )

  fastify.delete(
    '/admin/users/:id/sessions/:session_id',
    {
      onRequest: toChange,
      schema: {
        ...common,
        summary: 'End one session of a user',
        description: 'Needs a recent login.',
        params: UserSessionParams,
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      const { id, session_id } = request.params
      const by = byAdministrator(request.cameFrom(), request.auth.sub)
      const ended = await fastify.sessions.revoke([session_id], 'ended_by_administrator', by, id)
      if (ended.length === 0) throw new Problem('session_not_found', 'It may have ended already.')
      return reply.code(204).send(null)
    }
  )

  fastify.delete(
    '/admin/users/:id/sessions',
    {
      onRequest: toChange,
      schema: {
        ...common,
        summary: 'End all sessions of a user',
        description: 'Needs a recent login.',
        params: UserParams,
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      const { id } = request.params
      await userMustExist(id)
      const by = byAdministrator(request.cameFrom(), request.auth.sub)
      await fastify.sessions.revokeAll(id, 'ended_by_administrator', by)
      return reply.code(204).send(null)
    }
  )
}

export default userSessions
