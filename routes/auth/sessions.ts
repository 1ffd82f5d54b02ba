import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '../../lib/problem.ts'
import { answers, Nothing } from '../../schemas/answers.ts'
import { Session, SessionList, SessionParams, UpdateSessionBody } from '../../schemas/auth.ts'

const sessions: FastifyPluginAsyncTypebox = async (fastify) => {
  const common = { tags: ['sessions'], security: [{ accessToken: [] }] }
  const notFound = () =>
    new Problem('session_not_found', 'It may have ended already; list your sessions again.')

  fastify.get(
    '/auth/sessions',
    {
      onRequest: fastify.authenticate,
      schema: { ...common, summary: 'The live sessions of the user', response: answers(200, SessionList) }
    },
    async (request, reply) => {
      const { sub, sid } = request.auth
      const rows = await fastify.sessionRecords.list(sub)
      return reply
        .header('cache-control', 'no-store')
        .send({ sessions: rows.map((row) => ({ ...row, current: row.id === sid })) })
    }
  )

  fastify.patch(
    '/auth/sessions/:id',
    {
      onRequest: fastify.authenticate,
      schema: {
        ...common,
        summary: 'Name a session',
        params: SessionParams,
        body: UpdateSessionBody,
        response: answers(200, Session)
      }
    },
    async (request, reply) => {
      const { sub, sid } = request.auth
      const row = await fastify.sessionRecords.rename(sub, request.params.id, request.body.label)
      if (!row) throw notFound()
      return reply.header('cache-control', 'no-store').send({ ...row, current: row.id === sid })
    }
  )

  fastify.delete(
    '/auth/sessions/:id',
    {
      onRequest: fastify.authenticateStrictly,
      schema: {
        ...common,
        summary: 'End one session',
        params: SessionParams,
        response: answers(204, Nothing)
      }
    },
    async (request, reply) => {
      const { sub, sid } = request.auth
      // OWASP ASVS 5.0 V7.5.2. One's own may always end.
      if (request.params.id !== sid) await fastify.requireRecentAuthentication(request)
      const ended = await fastify.sessions.revoke(
        [request.params.id],
        'ended_by_user',
        request.cameFrom(),
        sub
      )
      if (ended.length === 0) throw notFound()
      return reply.code(204).send(null)
    }
  )

  fastify.delete(
    '/auth/sessions',
    {
      onRequest: [fastify.authenticateStrictly, fastify.requireRecentAuthentication],
      schema: { ...common, summary: 'End all other sessions', response: answers(204, Nothing) }
    },
    async (request, reply) => {
      const { sub, sid } = request.auth
      await fastify.sessions.revokeAll(sub, 'ended_by_user', request.cameFrom(), sid)
      return reply.code(204).send(null)
    }
  )
}

export default sessions
