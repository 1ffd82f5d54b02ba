import autocannon from 'autocannon'
import { setTimeout } from 'node:timers/promises'
import { record, summarizeRounds, unexpected, type Figures } from './figures.ts'
import { findFaults, invite, type MeasureOptions, type Surroundings } from './measure.ts'
import { startServer, type BenchedServer } from './server.ts'
import { send, type Visitor } from './visitor.ts'

export const description = '500 connections log in without pause, while 20 people refresh five times a second'

const logins = 500
const people = 20
/** ms between two refreshes of one person */
const pause = 200

export interface LoginFloodResult {
  description: string
  /** Refreshes, with nothing else to do. */
  idle: Figures
  /** Refreshes, during the flood. */
  flood: Figures
  /** In the flood by idle. */
  p99_ratio: number
  /** How often the logins were answered how. */
  logins: Record<string, number>
  rss_growth_mb: number
  rounds: Record<'idle' | 'flood', Figures[]>
  faults: string[]
}

/** People who refresh at a steady pace, for `duration` seconds. */
async function refreshSteadily(
  { pid }: BenchedServer,
  visitors: readonly Visitor[],
  duration: number
): Promise<Figures> {
  const { answered, end } = await record(pid)
  const deadline = performance.now() + duration * 1000
  await Promise.all(
    visitors.map(async (visitor, index) => {
      await setTimeout((index / visitors.length) * pause)
      while (performance.now() < deadline) {
        const start = performance.now()
        const status = await visitor.send(visitor.refresh())
        const ms = performance.now() - start
        answered(status, ms)
        await setTimeout(Math.max(0, pause - ms))
      }
    })
  )
  return end(0)
}

/** From a thread of its own, so that it does not hold up those who refresh. */
async function flood({ url }: BenchedServer, visitors: readonly Visitor[], duration: number) {
  const requests = visitors.map(({ login }) => login())
  const { statusCodeStats, errors } = await autocannon({
    ...{ url, duration, requests },
    connections: logins,
    workers: 1
  })
  return { statusCodeStats, errors }
}

/** A login that is turned away has to be told when to come back. */
async function findUnpromised(url: string, [visitor]: readonly Visitor[]): Promise<string[]> {
  if (!visitor) return []
  const { status, headers } = await send(url, visitor.login())
  return status === 503 && !headers.has('retry-after') ? ['a 503 without Retry-After'] : []
}

/** Until the passwords that still wait to be hashed, for clients that are gone, are done: they are taken in turn. */
async function settle(visitors: readonly Visitor[]): Promise<void> {
  const [visitor] = visitors
  while (visitor && (await visitor.send(visitor.login())) !== 200) await setTimeout(200)
}

/** Latchkey alone, idle and in the flood in turn. */
export async function measureLoginFlood(
  options: MeasureOptions,
  { stores, progress, signal }: Surroundings
): Promise<LoginFloodResult> {
  const server = await startServer('latchkey', stores, options.settings)
  try {
    const visitors = await invite(server, people)
    const others = await invite(server, people)
    const rounds: LoginFloodResult['rounds'] = { idle: [], flood: [] }
    const statuses: Record<string, number> = {}
    const faults: string[] = []

    if (options.warmUp > 0) {
      const half = options.warmUp / 2
      progress.begin('idle, warming up', half)
      await refreshSteadily(server, visitors, half)
      progress.begin('flood, warming up', half)
      await Promise.all([refreshSteadily(server, visitors, half), flood(server, others, half)])
      await settle(others)
    }
    for (let round = 1; round <= options.rounds; round++) {
      signal.throwIfAborted()
      progress.begin(`idle, round ${String(round)} of ${String(options.rounds)}`, options.duration)
      rounds.idle.push(await refreshSteadily(server, visitors, options.duration))

      progress.begin(`flood, round ${String(round)} of ${String(options.rounds)}`, options.duration)
      const [figures, flooded, unpromised] = await Promise.all([
        refreshSteadily(server, visitors, options.duration),
        flood(server, others, options.duration),
        setTimeout(500).then(() => findUnpromised(server.url, others))
      ])
      rounds.flood.push(figures)
      await settle(others)
      for (const [status, { count }] of Object.entries(flooded.statusCodeStats))
        statuses[status] = (statuses[status] ?? 0) + count
      faults.push(...unpromised)
      if (flooded.errors > 0) faults.push(`${String(flooded.errors)} logins broke or waited too long`)
    }
    const [idle, flooded] = [summarizeRounds(rounds.idle), summarizeRounds(rounds.flood)]
    for (const [status, count] of Object.entries(statuses))
      if (status !== '200' && status !== '503') faults.push(`${String(count)} logins were answered ${status}`)
    for (const figures of [idle, flooded])
      faults.push(...unexpected(figures, [200]).map((fault) => `refreshes: ${fault}`))
    faults.push(...(await findFaults(visitors)).map((fault) => `afterwards: ${fault}`))

    return {
      ...{ description, idle, flood: flooded },
      p99_ratio: flooded.p99_ms / idle.p99_ms,
      logins: statuses,
      rss_growth_mb: flooded.peak_rss_mb - flooded.first_rss_mb,
      ...{ rounds, faults }
    }
  } finally {
    await server.stop()
  }
}
