import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '../../lib/problem.ts'
import { byAdministrator } from '../../lib/session.ts'
import { administratorRole, userNotFound } from '../../lib/user.ts'
import {
  AdministeredUser,
  AdministerUserBody,
  PersonalData,
  UserPage,
  UserParams,
  UserQuery
} from '../../schemas/admin.ts'
import { answers, Nothing } from '../../schemas/answers.ts'

const users: FastifyPluginAsyncTypebox = async (fastify) => {
  const common = { tags: ['administration'], security: [{ accessToken: [] }] }
  const toRead = [fastify.authenticateStrictly, fastify.requireRole(administratorRole)]
  const toChange = [...toRead, fastify.requireRecentAuthentication]

  fastify.get(
    '/admin/users',
    {
      onRequest: toRead,
      schema: {
        ...common,
        summary: 'Users, the newest first',
        querystring: UserQuery,
        response: answers(200, UserPage)
      }
    },
    async (request, reply) => {
      const { limit = '50', disabled, ...filter } = request.query
      const page = await fastify.userDirectory.list({
        ...filter,
        limit: Number(limit),
        disabled: disabled === undefined ? undefined : disabled === 'true'
      })
      return reply.header('cache-control', 'no-store').send(page)
    }
  )

  fastify.get(
    '/admin/users/:id',
    {
      onRequest: toRead,
      schema: { ...common, summary: 'One user', params: UserParams, response: answers(200, AdministeredUser) }
    },
    async (request, reply) => {
      const user = await fastify.userDirectory.find(request.params.id)
      if (!user) throw userNotFound()
      return reply.header('cache-control', 'no-store').send(user)
    }
  )

  fastify.patch(
    '/admin/users/:id',
    {
      onRequest: toChange,
      schema: {
        ...common,
        summary: 'Change a user',
        description: 'To disable one ends all their sessions. Needs a recent login.',
        params: UserParams,
        body: AdministerUserBody,
        response: answers(200, AdministeredUser)
      }
    },
    async (request, reply) => {
      const { params, body } = request
      if (body.disabled?.until && Date.parse(body.disabled.until) <= Date.now()) {
        throw new Problem('invalid_request', 'A ban has to end in the future.', {
          errors: [{ path: 'disabled.until', message: 'must be in the future' }]
        })
      }
      await fastify.accounts.update(params.id, body, byAdministrator(request.cameFrom(), request.auth.sub))
      const user = await fastify.userDirectory.find(params.id)
      if (!user) throw userNotFound()
      return reply.header('cache-control', 'no-store').send(user)
    }
  )

  fastify.delete(
    '/admin/users/:id',
    {
      onRequest: toChange,
      schema: {
        ...common,
        summary: 'Delete a user and what tells of the person',
        description: 'Needs a recent login.',
        params: UserParams,
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      await fastify.accounts.remove(request.params.id, byAdministrator(request.cameFrom(), request.auth.sub))
      return reply.code(204).send(null)
    }
  )

  fastify.get(
    '/admin/users/:id/export',
    {
      onRequest: toChange,
      schema: {
        ...common,
        summary: 'All that is kept of a person',
        description: 'Needs a recent login.',
        params: UserParams,
        response: answers(200, PersonalData)
      }
    },
    async (request, reply) => {
      const by = byAdministrator(request.cameFrom(), request.auth.sub)
      const data = await fastify.exportPersonalData(request.params.id, by)
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', 'attachment; filename="personal-data.json"')
        .send(data)
    }
  )
}

export default users
