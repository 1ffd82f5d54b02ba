import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { LightMyRequestResponse } from 'fastify'
import { Problem } from '../lib/problem.ts'
import { refreshTokenInvalid } from '../lib/session-refusal.ts'
import type { RequestOrigin } from '../lib/session.ts'
import { answers } from '../schemas/answers.ts'
import { Theft, type TheftStep } from '../schemas/demo.ts'

/** Somewhere else (RFC 5737 §3), on another program. */
const elsewhere: RequestOrigin = { ip: '203.0.113.66', user_agent: 'a stolen copy' }

/** What the demo page can't do itself, as no script can read the cookie. Only with `DEMO`. */
const demo: FastifyPluginAsyncTypebox = async (fastify) => {
  if (fastify.configuration.DEMO !== true) return

  /** Asks the route that browsers ask, from the outside: nothing in it knows that this is a demonstration. */
  const refresh = (cookie: string, { ip, user_agent }: RequestOrigin) =>
    fastify.inject({
      method: 'POST',
      url: `${fastify.prefix}/auth/refresh`,
      remoteAddress: ip ?? '127.0.0.1',
      headers: { cookie, 'user-agent': user_agent ?? '' }
    })

  const stepOf = (by: TheftStep['by'], generation: number, response: LightMyRequestResponse): TheftStep => {
    const { verdict, code } = response.json<{ verdict?: string; code?: string }>()
    return { by, generation, status: response.statusCode, outcome: verdict ?? code ?? '' }
  }

  fastify.post(
    '/demo/theft',
    {
      onRequest: fastify.refuseCrossSite,
      schema: {
        hide: true,
        summary: 'Copies the refresh cookie, lets the browser go on for two refreshes, and presents the copy',
        response: answers(200, Theft)
      }
    },
    async (request, reply) => {
      const { token, client } = request.refreshCredential()
      if (client !== 'browser')
        throw new Problem('wrong_transport', 'The demonstration steals the cookie of a browser.')
      const { sub, sid, gen } = await fastify.refreshTokens.verify(token).catch(refreshTokenInvalid)
      void reply.header('cache-control', 'no-store')
      const stolen = request.headers.cookie ?? ''
      const steps: TheftStep[] = []

      // Two, so that the copy is older than the parent: within the overlap the parent is still answered.
      let cookie = stolen
      for (const generation of [gen, gen + 1]) {
        const response = await refresh(cookie, request.cameFrom())
        steps.push(stepOf('browser', generation, response))
        if (response.statusCode !== 200) return { steps, events: [] }
        void reply.removeHeader('set-cookie').header('set-cookie', response.headers['set-cookie'])
        cookie = response.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
      }
      steps.push(stepOf('thief', gen, await refresh(stolen, elsewhere)))

      const events = await fastify.securityEvents.ofSession(sub, sid)
      return {
        steps,
        events: events
          .filter(({ ip }) => ip === elsewhere.ip)
          .map((event) => ({ ...event, created_at: event.created_at.toISOString() }))
      }
    }
  )
}

export default demo
