// npm run bench:scale -- [--sessions 1000,100000,1000000] [--rounds 5] [--duration 5] [--connections 10]
// Whether a refresh takes longer the more sessions there are, and what a session takes in the stores. Exits 1 where
// an answer was not 200, or where a session has another head than its client.
import { Command, InvalidArgumentError } from 'commander'
import type { FastifyInstance } from 'fastify'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { summarizeRounds, unexpected, type Figures } from './figures.ts'
import {
  entrySizes,
  postgresFootprint,
  redisFootprint,
  usedMemory,
  workSoFar,
  type EntrySize,
  type PostgresFootprint,
  type RedisFootprint,
  type Work
} from './footprint.ts'
import type { Machine } from '../scripts/markdown.ts'
import { commit, describeMachine } from './machine.ts'
import { load, type MeasureOptions, type Surroundings } from './measure.ts'
import { showProgress } from './progress.ts'
import { write } from './report.ts'
import { startServer, type BenchedServer } from './server.ts'
import { makeClients, type Clients } from './spread-refreshes.ts'
import { median } from './statistics.ts'
import { openStores, type Stores } from './stores.ts'
import { fillIn, openNode } from './synthetic-sessions.ts'

/** Sessions that are filled in before Ctrl-C is heard. */
const step = 20_000

/** ms until the journal, which writes once a second, has written what a load has left */
const journalPause = 1200

interface Given extends Omit<MeasureOptions, 'settings'> {
  sessions: number[]
  out: string | false
}

/** So many sessions, in turn with a server of its own that has `fewest`. */
interface Level {
  sessions: number
  redis: RedisFootprint & { cpu_us_per_refresh: number }
  postgres: PostgresFootprint & { wal_bytes_per_refresh: number }
  refresh: Figures
  fewest: Figures
  /** By the fewest, the median of the rounds. */
  ratio: { p50: number; p99: number; cpu_per_request: number }
  rounds: Record<'refresh' | 'fewest', Figures[]>
}

export interface ScaleReport extends MeasureOptions {
  date: string
  commit: string
  machine: Machine
  /** Sessions of the server that each level is compared with. */
  fewest: number
  /** An entry of Redis at each turn of its life. */
  entries: Record<string, EntrySize>
  levels: Level[]
  faults: string[]
}

/** A server, a node beside it to fill it with sessions, and their clients. */
interface Side {
  server: BenchedServer
  scope: FastifyInstance
  clients: Clients
  stop: () => Promise<void>
}

async function openSide(stores: Stores, settings: NodeJS.ProcessEnv): Promise<Side> {
  const server = await startServer('latchkey', stores, settings)
  try {
    const { scope, close } = await openNode(server.settings)
    const stop = async () => {
      await close()
      await server.stop()
    }
    return { server, scope, clients: makeClients(scope), stop }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** One server with the fewest sessions, and one to which sessions are added from level to level. */
async function measureScale(
  levels: readonly number[],
  options: MeasureOptions,
  { stores, progress, signal }: Surroundings
): Promise<Pick<ScaleReport, 'fewest' | 'entries' | 'levels' | 'faults'>> {
  const [fewest = 0] = levels
  const sides: Side[] = []
  const open = async () => {
    const side = await openSide(stores, options.settings)
    sides.push(side)
    return side
  }
  const round = async ({ server, clients }: Side, sessions: number, duration: number): Promise<Figures> => {
    signal.throwIfAborted()
    const figures = await load(server, { ...options, duration }, () => clients.requests(sessions))
    clients.settle()
    await setTimeout(journalPause)
    return figures
  }

  try {
    const [few, many] = [await open(), await open()]
    const entries = await entrySizes(many.scope)
    await fillIn(few.scope, 0, fewest)
    const empty = await usedMemory(many.scope)
    let filled = 0
    const results: Level[] = []
    const faults: string[] = []

    for (const sessions of levels) {
      progress.about(`${sessions.toLocaleString('en')} sessions`)
      progress.begin('filling in', Math.ceil((sessions - filled) / 5000))
      while (filled < sessions) {
        signal.throwIfAborted()
        const next = Math.min(sessions, filled + step)
        await fillIn(many.scope, filled, next)
        filled = next
      }
      const redis = await redisFootprint(many.scope, sessions, empty)
      const postgres = await postgresFootprint(many.scope, sessions)

      if (options.warmUp > 0) {
        progress.begin('warming up', 2 * options.warmUp)
        await round(many, sessions, options.warmUp)
        await round(few, fewest, options.warmUp)
      }
      const rounds: Level['rounds'] = { refresh: [], fewest: [] }
      let work: Work = { redis_cpu_us: 0, wal_bytes: 0 }
      for (let count = 1; count <= options.rounds; count++) {
        progress.begin(`round ${String(count)} of ${String(options.rounds)}`, 2 * options.duration)
        const measureFew = async () => {
          rounds.fewest.push(await round(few, fewest, options.duration))
        }
        const measureMany = async () => {
          const before = await workSoFar(many.scope)
          rounds.refresh.push(await round(many, sessions, options.duration))
          work = add(work, before, await workSoFar(many.scope))
        }
        // Neither always comes second.
        for (const measure of count % 2 === 0 ? [measureMany, measureFew] : [measureFew, measureMany])
          await measure()
      }

      const [refresh, control] = [summarizeRounds(rounds.refresh), summarizeRounds(rounds.fewest)]
      for (const [side, figures] of [
        [many, refresh],
        [few, control]
      ] as const) {
        const found = [...unexpected(figures, [200]), ...(await side.clients.findFaults())]
        faults.push(...found.map((fault) => `${String(sessions)} sessions: ${fault}`))
      }
      results.push({
        sessions,
        redis: { ...redis, cpu_us_per_refresh: work.redis_cpu_us / refresh.requests },
        postgres: { ...postgres, wal_bytes_per_refresh: work.wal_bytes / refresh.requests },
        ...{ refresh, fewest: control, ratio: ratioOf(rounds), rounds }
      })
    }
    return { fewest, entries, levels: results, faults }
  } finally {
    progress.about('')
    progress.begin('removing the sessions', 0)
    await Promise.all(sides.map(({ stop }) => stop()))
  }
}

const add = (sum: Work, before: Work, after: Work): Work => ({
  redis_cpu_us: sum.redis_cpu_us + after.redis_cpu_us - before.redis_cpu_us,
  wal_bytes: sum.wal_bytes + after.wal_bytes - before.wal_bytes
})

/** Of the two halves of each round, the medians: what slows the machine down for a while slows both. */
function ratioOf({ refresh, fewest }: Level['rounds']): Level['ratio'] {
  const by = (name: 'p50_ms' | 'p99_ms' | 'cpu_us_per_request') =>
    median(refresh.map((figures, index) => figures[name] / (fewest[index]?.[name] ?? NaN)))
  return { p50: by('p50_ms'), p99: by('p99_ms'), cpu_per_request: by('cpu_us_per_request') }
}

/** For people at a terminal. */
function describe({ fewest, levels, entries }: ScaleReport): string {
  const lines = levels.flatMap(({ sessions, redis, postgres, refresh, ratio }) => [
    `${sessions.toLocaleString('en')} sessions`,
    `  refresh: p50 ${write(refresh.p50_ms)} ms, p99 ${write(refresh.p99_ms)} ms, ${write(refresh.requests_per_second)}/s, ` +
      `CPU ${write(refresh.cpu_us_per_request)} µs, of Redis ${write(redis.cpu_us_per_refresh)} µs`,
    `  by ${fewest.toLocaleString('en')} sessions: p50 ${write(ratio.p50)}, p99 ${write(ratio.p99)}, CPU ${write(ratio.cpu_per_request)}`,
    `  a session: ${write(redis.bytes_per_session)} bytes of Redis, ${write(postgres.bytes_per_session)} bytes of Postgres`
  ])
  const sizes = Object.entries(entries).map(
    ([turn, { encoding, bytes }]) => `${turn.replaceAll('_', ' ')} ${String(bytes)} (${encoding})`
  )
  return [...lines, `bytes of an entry: ${sizes.join(', ')}`].join('\n')
}

async function scale({ sessions, out, ...numbers }: Given): Promise<void> {
  const options: MeasureOptions = { ...numbers, settings: { LOG_LEVEL: 'warn', REFRESH_RATE: '0' } }
  const { rounds, warmUp } = options
  const steps = sessions.length * (1 + rounds + (warmUp > 0 ? 1 : 0)) + 1
  const progress = showProgress(process.stderr, steps)
  const interrupted = new AbortController()
  process.once('SIGINT', () => {
    interrupted.abort()
  })
  const stores = await openStores(process.env)
  try {
    const about = { date: new Date().toISOString(), commit: commit(), machine: await describeMachine(stores) }
    const surroundings = { stores, progress, signal: interrupted.signal }
    const report: ScaleReport = {
      ...about,
      ...options,
      ...(await measureScale(sessions, options, surroundings))
    }
    progress.end()
    publish(report, out)
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    process.exitCode = 130
  } finally {
    progress.end()
    await stores.close()
  }
}

function publish(report: ScaleReport, folder: string | false): void {
  process.stdout.write(`${describe(report)}\n`)
  if (report.faults.length > 0) {
    process.stderr.write(`WRONG:\n${report.faults.map((fault) => `  ${fault}`).join('\n')}\n`)
    process.exitCode = 1
  } else if (folder !== false) {
    const precise = (_: string, value: unknown) =>
      typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'scale.json'), `${JSON.stringify(report, precise, 1)}\n`)
    process.stderr.write(`written: ${join(folder, 'scale.json')}\n`)
  }
}

function atLeast(minimum: number) {
  return (text: string): number => {
    if (!/^\d+$/.test(text) || Number(text) < minimum)
      throw new InvalidArgumentError(`It has to be a whole number, at least ${String(minimum)}.`)
    return Number(text)
  }
}

/** At least 100: more connections than sessions would wait for each other. */
function ascending(text: string): number[] {
  const levels = text.split(',').map(atLeast(100))
  if (levels.some((sessions, index) => sessions <= (levels[index - 1] ?? 0)))
    throw new InvalidArgumentError('Each has to be more than the one before.')
  return levels
}

await new Command('npm run bench:scale --')
  .description(
    'Measures refreshes among more and more sessions, and what a session takes in PostgreSQL and Redis. On the servers ' +
      'that DATABASE_URL and REDIS_URL name, else on embedded ones. Nothing else should use that Redis meanwhile.'
  )
  .option('--sessions <n,…>', 'how many, from level to level', ascending, [1000, 100_000, 1_000_000])
  .option('--rounds <n>', 'of which the medians are taken', atLeast(1), 5)
  .option('--duration <s>', 'of one round', atLeast(1), 5)
  .option('--connections <n>', 'under load at once', atLeast(1), 10)
  .option('--warm-up <s>', 'of each server at each level, not measured', atLeast(0), 5)
  .option('--out <folder>', 'where scale.json is written', 'docs/results')
  .option('--no-out', 'write nothing')
  .action(scale)
  .parseAsync()
