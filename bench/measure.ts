import autocannon, { type Request } from 'autocannon'
import PQueue from 'p-queue'
import { hashesPerSecond, hashTime } from './argon2.ts'
import { record, summarizeRounds, unexpected, type Figures } from './figures.ts'
import type { Progress } from './progress.ts'
import type { Scenario } from './scenarios.ts'
import { startServer, type BenchedServer, type Program } from './server.ts'
import { median } from './statistics.ts'
import type { Stores } from './stores.ts'
import { signUp, type Visitor } from './visitor.ts'

export interface MeasureOptions {
  rounds: number
  connections: number
  /** s */
  duration: number
  /** s before the first round, not measured */
  warmUp: number
  /** Settings of Latchkey other than its defaults. */
  settings: NodeJS.ProcessEnv
}

/** How a run is told of, and told to end before its next round. */
export interface Surroundings {
  stores: Stores
  progress: Progress
  signal: AbortSignal
}

export interface ScenarioResult {
  description: string
  latchkey: Figures
  floor: Figures
  /** Latchkey's by the floor's. */
  ratio: Ratio
  /** Where hashing passwords takes the time. */
  argon2?: { hash_ms: number; hashes_per_second: number; ratio: number }
  rounds: Record<Program, Figures[]>
  faults: string[]
}

export interface Ratio {
  requests_per_second: number
  p99: number
  cpu_per_request: number
}

/** Signs people up, few at once: no server has to turn anybody away. */
export async function invite({ url }: Pick<BenchedServer, 'url'>, people: number): Promise<Visitor[]> {
  const few = new PQueue({ concurrency: 16 })
  return few.addAll(Array.from({ length: people }, () => () => signUp(url)))
}

/** One run of autocannon. */
export async function load(
  { url, pid }: Pick<BenchedServer, 'url' | 'pid'>,
  { connections, duration }: Pick<MeasureOptions, 'connections' | 'duration'>,
  requests: (connection: number) => Request[]
): Promise<Figures> {
  const { answered, end } = await record(pid)
  let connection = 0
  const run = autocannon({
    ...{ url, connections, duration },
    setupClient(client) {
      client.setRequests(requests(connection))
      connection += 1
    }
  })
  run.on('response', (_client: unknown, status: number, _bytes: number, ms: number) => {
    answered(status, ms)
  })
  const { errors } = await run
  return end(errors)
}

/** @returns what is wrong with the sessions that visitors hold */
export async function findFaults(visitors: readonly Visitor[]): Promise<string[]> {
  const faults = await Promise.all(visitors.map((visitor) => visitor.findFault()))
  return [...new Set(faults.flatMap((fault) => fault ?? []))]
}

/** Latchkey and the floor in turn, each on a process of its own. */
export async function measure(
  scenario: Scenario,
  options: MeasureOptions,
  { stores, progress, signal }: Surroundings
): Promise<ScenarioResult> {
  const servers: BenchedServer[] = []
  try {
    servers.push(await startServer('latchkey', stores, options.settings), await startServer('floor', stores))
    const sides = await Promise.all(
      servers.map(async (server) => ({ server, visitors: await invite(server, options.connections) }))
    )
    const rounds: Record<Program, Figures[]> = { latchkey: [], floor: [] }
    const hashTimes: number[] = []
    const faults: string[] = []

    const once = async ({ server, visitors }: (typeof sides)[number], duration: number) => {
      signal.throwIfAborted()
      const round = await scenario.round(visitors)
      const figures = await load(server, { ...options, duration }, round.requests)
      const found = [...unexpected(figures, [scenario.status]), ...round.findFaults()]
      // Whose last answer was cut off asks again at once, as clients do. After the other server's turn its token would
      // be an old one, which only a thief has.
      await Promise.all(visitors.map((visitor) => visitor.send(visitor.refresh())))
      faults.push(...found.map((fault) => `${server.program}: ${fault}`))
      return figures
    }
    if (options.warmUp > 0)
      for (const side of sides) {
        progress.begin(`${side.server.program}, warming up`, options.warmUp)
        await once(side, options.warmUp)
      }
    for (let round = 1; round <= options.rounds; round++) {
      if (scenario.hashes) hashTimes.push(await hashTime())
      for (const side of sides) {
        const { program } = side.server
        progress.begin(`${program}, round ${String(round)} of ${String(options.rounds)}`, options.duration)
        rounds[program].push(await once(side, options.duration))
      }
    }
    for (const { server, visitors } of sides)
      faults.push(...(await findFaults(visitors)).map((fault) => `${server.program}, afterwards: ${fault}`))

    const { description } = scenario
    const [latchkey, floor] = [summarizeRounds(rounds.latchkey), summarizeRounds(rounds.floor)]
    const ratio = ratioOf(latchkey, floor)
    const argon2 = scenario.hashes ? { argon2: argon2Limit(median(hashTimes), latchkey) } : {}
    return { description, latchkey, floor, ratio, ...argon2, rounds, faults }
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()))
  }
}

const ratioOf = (one: Figures, other: Figures): Ratio => ({
  requests_per_second: one.requests_per_second / other.requests_per_second,
  p99: one.p99_ms / other.p99_ms,
  cpu_per_request: one.cpu_us_per_request / other.cpu_us_per_request
})

function argon2Limit(
  hash_ms: number,
  { requests_per_second }: Figures
): NonNullable<ScenarioResult['argon2']> {
  const hashes_per_second = hashesPerSecond(hash_ms)
  return { hash_ms, hashes_per_second, ratio: requests_per_second / hashes_per_second }
}
