// A Fastify app with Latchkey inside. Its own routes ask for an access token.
import Fastify from 'fastify'
import { latchkey, readConfiguration, serverOptions, type LatchkeyOptions } from 'latchkey'

/** @param options the names of the configuration, such as those of `process.env` */
export async function buildApp(options: LatchkeyOptions) {
  const fastify = Fastify(serverOptions(readConfiguration(options)))

  // Sign-up, login, refresh and the rest are at /account/auth/…
  await fastify.register(latchkey, { ...options, prefix: '/account' })

  const notes = new Map<string, string[]>()

  // No store is asked: signature, expiry, and whether the session is known to have ended.
  fastify.get('/notes', { onRequest: fastify.authenticate }, async ({ auth }) => notes.get(auth.sub) ?? [])

  fastify.post<{ Body: { note: string } }>(
    '/notes',
    {
      onRequest: fastify.authenticate,
      schema: { body: { type: 'object', required: ['note'], properties: { note: { type: 'string' } } } }
    },
    async ({ auth, body }, reply) => {
      notes.set(auth.sub, [...(notes.get(auth.sub) ?? []), body.note])
      return reply.code(201).send()
    }
  )

  // The record is asked too: for what must not happen once more after a session was ended.
  fastify.delete('/notes', { onRequest: fastify.authenticateStrictly }, async ({ auth }, reply) => {
    notes.delete(auth.sub)
    return reply.code(204).send()
  })

  return fastify
}
