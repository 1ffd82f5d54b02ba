import { randomUUID } from 'node:crypto'
import type { Request } from 'autocannon'
import { generationOf, refreshTokenIn, type Visitor } from './visitor.ts'

export interface Scenario {
  description: string
  /** The one that every answer has to have. */
  status: number
  /** Whether it is argon2 that takes the time. */
  hashes?: boolean
  /** What is asked in one round, and what may only be told at its end. */
  round: (visitors: readonly Visitor[]) => Promise<Round>
}

export interface Round {
  /** What a connection sends, over and over. */
  requests: (connection: number) => Request[]
  findFaults: () => string[]
}

/** Every connection is a visitor of its own. */
const each =
  (requests: (visitor: Visitor, connection: number) => Request[]): Scenario['round'] =>
  async (visitors) => ({
    requests: (connection) => requests(at(visitors, connection), connection),
    findFaults: () => []
  })

function at(visitors: readonly Visitor[], connection: number): Visitor {
  const visitor = visitors[connection % visitors.length]
  if (!visitor) throw new Error('there are no visitors')
  return visitor
}

/** The head that the parent was exchanged for has to be the answer, whoever asks, and however late. */
const replay: Scenario['round'] = async (visitors) => {
  const visitor = at(visitors, 0)
  // One attempt, by its Idempotency-Key: a round may last longer than the overlap.
  const { headers, ...request } = visitor.refresh()
  const parent: Request = { ...request, headers: { ...headers, 'idempotency-key': randomUUID() } }
  const status = await visitor.send(parent)
  if (status !== 200) throw new Error(`the parent was answered ${String(status)}`)

  const heads = new Set<string>()
  return {
    requests: () => [
      {
        ...parent,
        onResponse: (_status, _body, _context, headers) =>
          heads.add(refreshTokenIn(headers['set-cookie']) ?? 'none')
      }
    ],
    findFaults() {
      const head = generationOf(visitor.refreshToken)
      const others = [...heads].filter((token) => token === 'none' || generationOf(token) !== head)
      return others.length > 0 ? [`${String(others.length)} other tokens than the head were answered`] : []
    }
  }
}

/** Of a hundred requests 90 me, 9 refresh and 1 login, at another place for every connection. */
const mix = each(({ anew, keeping, me, refresh, login }, connection) => {
  const hundred = Array.from({ length: 100 }, (_, place) => {
    if (place === 50) return login()
    return place % 11 === 10 ? keeping(refresh) : anew(me)
  })
  const start = (connection * 37) % 100
  return [...hundred.slice(start), ...hundred.slice(0, start)]
})

export const scenarios = {
  me: {
    description: 'GET /auth/me: a bearer token is checked, the user is read',
    status: 200,
    round: each(({ me }) => [me()])
  },
  refresh: {
    description: 'POST /auth/refresh: every connection exchanges the token that it was just given',
    status: 200,
    round: each(({ keeping, refresh }) => [keeping(refresh)])
  },
  'refresh-replay': {
    description: 'POST /auth/refresh: all connections send the same parent',
    status: 200,
    round: replay
  },
  login: {
    description: 'POST /auth/login: every connection with an account of its own, in a browser that is known',
    status: 200,
    hashes: true,
    round: each(({ login }) => [login()])
  },
  signup: {
    description: 'POST /auth/signup: somebody new each time',
    status: 201,
    hashes: true,
    round: each(({ keeping, signup }) => [keeping(signup)])
  },
  verify: {
    description: 'GET /auth/verify: the check of a gateway, which asks no store',
    status: 204,
    round: each(({ verify }) => [verify()])
  },
  mixed: {
    description: '90 % me, 9 % refresh, 1 % login',
    status: 200,
    round: mix
  }
} satisfies Record<string, Scenario>
