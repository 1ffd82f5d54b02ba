import type { IncomingHttpHeaders } from 'node:http'

/** An answer, as the clients look at it. */
export interface Answer {
  status: number
  code: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

/** ms after a revocation was acknowledged by which every node refuses its access tokens (design: 5 s). */
export const revocationDeadline = 5000

/** How a server may answer, besides 401 with a good reason and 503. */
const expected: Record<string, readonly number[]> = {
  signup: [201, 503],
  login: [200, 503],
  logout: [204, 503],
  'logout/all': [204, 401, 503],
  refresh: [200, 401, 503],
  access: [200, 401],
  'unattended access': [200],
  jwks: [200],
  'stranger refresh': [200, 401, 503],
  'stranger access': [200, 401]
}

export interface TallySettings {
  /** ms, beyond which an answer counts as a hang */
  hangAfter: number
  /** Whether nodes are killed, so that requests stay without answer. */
  mayVanish?: boolean
  /** Whether the route for access tokens asks Postgres, and so may answer 503. */
  accessAsks?: boolean
}

/** What the clients saw. The lists name every breach of a promise: all must stay empty. */
export interface Tally {
  requests: number
  /** Answers by what was asked and how it was answered: `refresh 200`, `refresh no answer`. */
  readonly answers: Map<string, number>
  readonly loggedOutByAccident: string[]
  readonly cameBack: string[]
  readonly brokenContract: string[]
  /** ms */
  slowest: number
  /** ms from the end of the last fault until the first, and until every honest client had refreshed. */
  recovery: { first: number; all: number } | undefined
  count(asked: string, answer: Answer | undefined, took: number): void
  summary(): string
}

export function createTally({ hangAfter, mayVanish = false, accessAsks = false }: TallySettings): Tally {
  const answers = new Map<string, number>()
  const brokenContract: string[] = []
  const isExpected = (asked: string, status: number) =>
    expected[asked]?.includes(status) === true || (accessAsks && asked.endsWith('access') && status === 503)
  return {
    requests: 0,
    answers,
    loggedOutByAccident: [],
    cameBack: [],
    brokenContract,
    slowest: 0,
    recovery: undefined,
    count(asked, answer, took) {
      const outcome = answer
        ? `${String(answer.status)}${answer.status === 401 ? ` ${answer.code}` : ''}`
        : 'no answer'
      const kind = `${asked} ${outcome}`
      this.requests += 1
      answers.set(kind, (answers.get(kind) ?? 0) + 1)
      this.slowest = Math.max(this.slowest, took)
      if (took > hangAfter) brokenContract.push(`${kind} took ${took.toFixed()} ms`)
      if (answer ? !isExpected(asked, answer.status) : !mayVanish) brokenContract.push(kind)
      if (answer?.status === 503) brokenContract.push(...faultsOf(answer).map((fault) => `${kind} ${fault}`))
    },
    summary() {
      const { requests, slowest, recovery, loggedOutByAccident, cameBack } = this
      const kinds = [...answers].toSorted(([one], [other]) => (one < other ? -1 : 1))
      return [
        `${String(requests)} requests`,
        kinds.map(([kind, times]) => `${kind} × ${String(times)}`).join(', '),
        `logged out by accident ${String(loggedOutByAccident.length)}`,
        `came back ${String(cameBack.length)}`,
        `slowest answer ${slowest.toFixed()} ms`,
        recovery
          ? `first refresh ${recovery.first.toFixed()} ms and all ${recovery.all.toFixed()} ms after the fault`
          : 'no recovery measured'
      ].join('; ')
    }
  }
}

/** What a 503 has to be: a problem that says when to try again, and leaves the cookie alone. */
function faultsOf({ headers, code, body }: Answer): string[] {
  const faults: string[] = []
  if (headers['retry-after'] === undefined) faults.push('has no Retry-After')
  if (headers['set-cookie'] !== undefined) faults.push('touches a cookie')
  if (code !== 'temporarily_unavailable') faults.push(`has the code ${code}`)
  if (body['action'] !== 'retry') faults.push('does not say retry')
  return faults
}
