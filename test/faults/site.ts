import { setMaxListeners } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { Node } from './node.ts'
import type { Answer, Tally } from './tally.ts'

export interface Request {
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: Record<string, string>
  /** Default: whichever the balancer gives. */
  node?: Node
}

/** ms between two doings. */
export interface Pace {
  client: number
  stranger: number
}

/** The nodes behind one address, as their clients see them. */
export interface Site {
  readonly nodes: readonly Node[]
  readonly tally: Tally
  /** A route that needs an access token. */
  readonly accessPath: string
  readonly pace: Pace
  /** Whether the clients are to stop. */
  readonly stopped: boolean
  /** @returns undefined where no answer came */
  send(asked: string, request: Request): Promise<Answer | undefined>
  /** Waits as an honest client does before it tries again: as long as it was told, or some moments. */
  backOff(answer: Answer | undefined, patient: boolean): Promise<void>
  /** The time between two doings of a client. */
  pause(ms: number): Promise<void>
  stop(): void
  /** Breaks what is still under way. */
  close(): void
}

/** ms after which a client gives an answer up for lost; the server has long lost its patience by then. */
const clientDeadline = 20_000

export function createSite(
  nodes: readonly Node[],
  tally: Tally,
  accessPath: string,
  pace: Pace = { client: 80, stranger: 150 }
): Site {
  const stopping = new AbortController()
  setMaxListeners(Infinity, stopping.signal)
  const pause = async (ms: number) => {
    await setTimeout(ms * (0.5 + Math.random()), undefined, { signal: stopping.signal }).catch(
      () => undefined
    )
  }
  const agent = new Agent({ keepAlive: true })
  const balance = () => {
    const node = nodes[Math.floor(Math.random() * nodes.length)]
    if (!node) throw new Error('a site has nodes')
    return node
  }
  return {
    nodes,
    tally,
    accessPath,
    pace,
    get stopped() {
      return stopping.signal.aborted
    },
    async send(asked, request) {
      const sent = performance.now()
      const answer = await ask(request.node ?? balance(), request, agent)
      tally.count(asked, answer, performance.now() - sent)
      return answer
    },
    pause,
    backOff(answer, patient) {
      const told = Number(answer?.headers['retry-after'] ?? 0) * 1000
      return pause(patient && told > 0 ? told : 150)
    },
    stop() {
      stopping.abort()
    },
    close() {
      stopping.abort()
      agent.destroy()
    }
  }
}

/** @returns undefined where the connection broke before the whole answer was there */
function ask(
  node: Node,
  { method = 'POST', path, headers, body }: Request,
  agent: Agent
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const giveUp = () => {
      resolve(undefined)
    }
    const request = httpRequest(`${node.url}${path}`, {
      method,
      agent,
      signal: AbortSignal.timeout(clientDeadline),
      headers: body ? { ...headers, 'content-type': 'application/json' } : headers
    })
    request.on('error', giveUp)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('error', giveUp).on('close', giveUp)
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
        const code = typeof body['code'] === 'string' ? body['code'] : ''
        resolve({ status, headers, body, code })
      })
    })
    request.end(body ? JSON.stringify(body) : undefined)
  })
}
