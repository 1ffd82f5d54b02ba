// npm run bench:profile: where the CPU time of the server goes, by the sampling profiler of V8. Writes
// docs/results/profile.json.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { invite, load } from './measure.ts'
import { commit, describeMachine } from './machine.ts'
import { scenarios } from './scenarios.ts'
import { startServer } from './server.ts'
import { openStores } from './stores.ts'

const profiled = ['refresh', 'me', 'verify'] as const
const connections = 40
/** s, in which V8 compiles what is hot */
const warmUp = 10
/** s */
const duration = 10
const settings = { LOG_LEVEL: 'warn', REFRESH_RATE: '0' }

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile. Times in µs. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[]
  startTime: number
  samples: number[]
  timeDeltas: number[]
}

/** µs of the clock that profiles go by. */
const now = () => Number(process.hrtime.bigint() / 1000n)

/** What a function is part of. */
function partOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string | undefined {
  if (functionName === '(idle)') return undefined
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (/^(writev|write(Latin1|Utf8)String|writeBuffer)$/.test(functionName)) return 'writing to sockets'
  if (url.startsWith('node:internal/crypto/sig')) return 'ES256 signatures'
  if (url.startsWith('node:internal/crypto')) return 'HMAC and hashes'
  if (url.startsWith('node:') || url === '') return 'Node.js, HTTP above all'
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (name === undefined) return 'Latchkey'
  if (/^(pg|postgres)/.test(name)) return 'pg'
  if (/^(ioredis|redis|standard-as-callback)/.test(name)) return 'ioredis'
  if (/^(@fastify|fast(ify|-json|-uri)|find-my-way|light|avvio|cookie)/.test(name) && !name.includes('jwt'))
    return 'Fastify and its plugins'
  return 'other packages'
}

/** The share of each part in what the process did in a time. */
function sharesOf({ nodes, startTime, samples, timeDeltas }: CpuProfile, from: number, to: number) {
  const parts = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]))
  const times = new Map<string, number>()
  let at = startTime
  let total = 0
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0
    at += delta
    const part = parts.get(id)
    if (at < from || at > to || part === undefined) continue
    times.set(part, (times.get(part) ?? 0) + delta)
    total += delta
  }
  const shares = [...times].map(([part, time]) => [part, Math.round((time / total) * 1000) / 1000] as const)
  return Object.fromEntries(shares.sort(([, one], [, other]) => other - one))
}

const stores = await openStores(process.env)
const folder = mkdtempSync(join(tmpdir(), 'latchkey-profile-'))
try {
  const shares: Record<string, Record<string, number>> = {}
  for (const name of profiled) {
    const path = join(folder, name)
    const server = await startServer('latchkey', stores, settings, ['--cpu-prof', `--cpu-prof-dir=${path}`])
    let window: [number, number]
    try {
      const visitors = await invite(server, connections)
      const { requests } = await scenarios[name].round(visitors)
      await load(server, { connections, duration: warmUp }, requests)
      const from = now()
      const { requests_per_second } = await load(server, { connections, duration }, requests)
      window = [from, now()]
      process.stdout.write(`${name}: ${String(Math.round(requests_per_second))} requests/s, profiled\n`)
    } finally {
      await server.stop()
    }
    const [file = ''] = readdirSync(path)
    shares[name] = sharesOf(JSON.parse(readFileSync(join(path, file), 'utf8')) as CpuProfile, ...window)
  }
  const report = {
    date: new Date().toISOString(),
    commit: commit(),
    machine: await describeMachine(stores),
    ...{ connections, duration, settings, shares }
  }
  writeFileSync('docs/results/profile.json', `${JSON.stringify(report, null, 1)}\n`)
  process.stdout.write('written: docs/results/profile.json; npm run docs:generate takes it up\n')
} finally {
  rmSync(folder, { recursive: true, force: true })
  await stores.close()
}
