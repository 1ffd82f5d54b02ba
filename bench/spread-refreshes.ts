import type { Request } from 'autocannon'
import type { FastifyInstance } from 'fastify'
import { firstGeneration, idempotencyKeyOf, refreshTokenOf, sessionAt } from './synthetic-sessions.ts'
import { generationOf, refreshTokenIn } from './visitor.ts'

/** The clients of synthetic sessions. Each keeps the generation that it was given last. */
export interface Clients {
  /** What a connection sends, over and over: every time the refresh of another session, anywhere among the first `sessions`. */
  requests: (sessions: number) => Request[]
  /** Forgets the requests that the end of a load cut off. Their clients repeat them when their turn comes. */
  settle: () => void
  /** @returns what is wrong: sessions whose head is not the token that their client has */
  findFaults: () => Promise<string[]>
}

export function makeClients(scope: FastifyInstance): Clients {
  /** Of the sessions that have refreshed, by index. */
  const generations = new Map<number, number>()
  const underWay = new Set<number>()
  const cutOff = new Set<number>()

  const draw = (sessions: number): number => {
    const index = Math.floor(Math.random() * sessions)
    return underWay.has(index) ? draw(sessions) : index
  }

  return {
    requests(sessions) {
      let index: number
      const refresh = (): Request => {
        const session = sessionAt(index)
        const gen = generations.get(index) ?? firstGeneration
        return {
          ...{ method: 'POST', path: '/auth/refresh' },
          headers: {
            cookie: `__Host-refresh_token=${refreshTokenOf(scope, session, gen)}; __Host-device=${session.device_id}`,
            'idempotency-key': idempotencyKeyOf(session, gen)
          }
        }
      }
      return [
        {
          ...{ method: 'POST', path: '/auth/refresh' },
          setupRequest(request) {
            index = draw(sessions)
            underWay.add(index)
            return { ...request, ...refresh() }
          },
          onResponse(status, _body, _context, headers) {
            underWay.delete(index)
            const token = refreshTokenIn(headers['set-cookie'])
            if (status !== 200 || token === undefined) return
            const [, gen] = generationOf(token).split('.')
            generations.set(index, Number(gen))
            cutOff.delete(index)
          }
        }
      ]
    },
    settle() {
      for (const index of underWay) cutOff.add(index)
      underWay.clear()
    },
    async findFaults() {
      const wrong = await Promise.all(
        [...generations]
          .filter(([index]) => !cutOff.has(index))
          .map(async ([index, gen]) => (await scope.sessionWhitelist.head(sessionAt(index).sid)) !== gen)
      )
      const times = wrong.filter(Boolean).length
      return times > 0 ? [`${String(times)} sessions have another head than their client`] : []
    }
  }
}
