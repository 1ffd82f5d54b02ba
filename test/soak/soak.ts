// npm run soak -- [--minutes 10] [--seed N] [--out docs/results]
// Mixed traffic on two nodes and stores of their own, one fault after the other in an order of chance, and at the
// end what everybody saw: a table, a picture, and an exit code of 1 where a promise was broken.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startNodeProcess } from '../faults/node.ts'
import { createSite } from '../faults/site.ts'
import { createTally } from '../faults/tally.ts'
import { settings } from '../faults/traffic.ts'
import { startPostgres } from '../stores/postgres.ts'
import { startProxy } from '../stores/proxy.ts'
import { startRedis } from '../stores/redis.ts'
import { until } from '../stores/until.ts'
import { chance, shuffled } from './chance.ts'
import { type Fault, faults, type Stage } from './faults.ts'
import { invite, type People } from './people.ts'
import { draw } from './picture.ts'
import { type Timeline, watch } from './timeline.ts'

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    out: { type: 'string', default: 'docs/results' }
  }
})
const minutes = Number(given.minutes)
const seed = Number(given.seed)
const random = chance(seed)

/** ms; faults last from a moment to three times the overlap. */
const overlap = 2000
const storeTimeout = 1000
const longestFault = 3 * overlap

const say = (text: string) => process.stdout.write(`${text}\n`)

async function setStage(): Promise<Stage & { close(): Promise<void> }> {
  const closing: (() => Promise<unknown>)[] = []
  const opened = async <Opened extends { close(): Promise<unknown> }>(opening: Promise<Opened>) => {
    const thing = await opening
    closing.unshift(() => thing.close())
    return thing
  }
  const redis = await opened(startRedis({ appendOnly: true }))
  const postgres = await opened(startPostgres())
  const redisProxy = await opened(startProxy(redis.port))
  const postgresProxy = await opened(startProxy(postgres.port))
  const input = {
    ...settings,
    DATABASE_URL: `postgres://postgres@127.0.0.1:${String(postgresProxy.port)}/postgres`,
    REDIS_URL: `redis://127.0.0.1:${String(redisProxy.port)}`,
    STORE_TIMEOUT: `${String(storeTimeout)}ms`,
    REFRESH_OVERLAP: `${String(overlap)}ms`,
    ACCESS_TOKEN_TTL: '30m'
  }
  const nodes = [await opened(startNodeProcess(input)), await opened(startNodeProcess(input))]
  return {
    ...{ redis, postgres, redisProxy, postgresProxy, nodes },
    async close() {
      for (const close of closing) await close()
    }
  }
}

async function breakThings(stage: Stage, people: People, timeline: Timeline): Promise<void> {
  const end = minutes * 60_000
  let queue: Fault[] = []
  while (timeline.now() < end) {
    if (queue.length === 0) queue = shuffled(faults, random)
    const fault = queue.shift()
    if (!fault) return
    const began = timeline.now()
    await fault.begin(stage)
    await setTimeout(200 + random() * longestFault)
    await fault.end(stage)
    const lasted = timeline.now() - began
    const { first, all } = await people.recover()
    timeline.incidents.push({
      ...{ fault: fault.name, subject: fault.subject, began, lasted },
      ...{ first_refresh: first, all_refreshed: all }
    })
    await setTimeout(500 + random() * 2000)
  }
}

const round = (ms: number) => Math.round(ms)

function tableOf({ incidents }: Timeline): string {
  const rows = faults.flatMap(({ name }) => {
    const times = incidents
      .filter(({ fault }) => fault === name)
      .map(({ all_refreshed }) => all_refreshed)
      .sort((one, other) => one - other)
    const median = times[Math.floor(times.length / 2)]
    if (median === undefined) return []
    return [
      `${name.padEnd(44)}${String(times.length).padStart(6)}${String(round(median)).padStart(12)}${String(round(times.at(-1) ?? 0)).padStart(12)}`
    ]
  })
  return [
    `${'fault'.padEnd(44)} times   median ms    worst ms   until everybody had refreshed`,
    ...rows
  ].join('\n')
}

async function main(): Promise<void> {
  say(`soak of ${String(minutes)} minutes, seed ${String(seed)}`)
  const stage = await setStage()
  const tally = createTally({ hangAfter: 3 * storeTimeout + 4000, mayVanish: true, accessAsks: true })
  const site = createSite(stage.nodes, tally, '/auth/me', { client: 500, stranger: 4000 })
  try {
    const people = await invite(site)
    const timeline = watch(tally)
    const progress = setInterval(() => {
      say(
        `${String(round(timeline.now() / 1000))} s: ${String(tally.requests)} requests, ${String(timeline.incidents.length)} faults, ` +
          `${String(tally.loggedOutByAccident.length)} logged out by accident, ${String(tally.cameBack.length)} came back`
      )
    }, 10_000)
    await breakThings(stage, people, timeline)
    clearInterval(progress)
    await until('those who left to be out', async () => people.gone.every(({ account }) => account.endedAt))
    site.stop()
    await people.done()

    const broken = {
      logged_out_by_accident: tally.loggedOutByAccident,
      came_back: tally.cameBack,
      broken_contract: tally.brokenContract
    }
    const result = {
      ...{ date: new Date().toISOString(), minutes, seed, commit: commit() },
      machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), node: process.version },
      settings: { nodes: stage.nodes.length, STORE_TIMEOUT: storeTimeout, REFRESH_OVERLAP: overlap },
      ...{ people_who_stayed: people.clients.length, people_who_left: people.gone.length },
      ...{ requests: tally.requests, slowest_answer: round(tally.slowest) },
      answers: Object.fromEntries([...tally.answers].sort()),
      ...broken,
      ...{ incidents: timeline.incidents, seconds: timeline.seconds }
    }
    mkdirSync(given.out, { recursive: true })
    const file = join(given.out, 'soak')
    writeFileSync(`${file}.json`, `${JSON.stringify(result)}\n`)
    writeFileSync(`${file}.svg`, draw(result))
    say(`\n${tally.summary().replaceAll('; ', '\n').replaceAll(', ', '\n  ')}\n\n${tableOf(timeline)}\n`)
    say(`written: ${file}.json and ${file}.svg`)
    if (Object.values(broken).some(({ length }) => length > 0)) {
      say(`BROKEN: ${JSON.stringify(broken, undefined, 1)}`)
      process.exitCode = 1
    }
  } finally {
    site.close()
    await stage.close()
  }
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  return (
    git('rev-parse', '--short', 'HEAD') +
    (git('status', '--porcelain', '--untracked-files=no') ? ' and changes' : '')
  )
}

await main()
