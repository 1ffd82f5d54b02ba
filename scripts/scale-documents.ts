// What docs/sizing.md takes from docs/results/scale.json.
import { code, number, table, writeMachine, type Machine } from './markdown.ts'
import { describeSize, load, readCosts, sizeOf } from './sizing.ts'

interface Figures {
  requests_per_second: number
  p50_ms: number
  p99_ms: number
  cpu_us_per_request: number
}

/** What bench/scale.ts writes. */
interface ScaleResult {
  commit: string
  machine: Machine
  rounds: number
  duration: number
  connections: number
  fewest: number
  entries: Record<string, { encoding: string; bytes: number }>
  levels: {
    sessions: number
    redis: { bytes_per_session: number; entry_bytes: number; cpu_us_per_refresh: number }
    postgres: { bytes_per_session: number; table_bytes_per_session: number; wal_bytes_per_refresh: number }
    refresh: Figures
    fewest: Figures
    ratio: { p50: number; p99: number; cpu_per_request: number }
  }[]
}

const read = (json: string) => JSON.parse(json) as ScaleResult

const whole = (value: number) => value.toLocaleString('en')

export function scaleTable(json: string): string {
  const { commit, machine, rounds, duration, connections, fewest, levels } = read(json)
  const head = [
    'sessions',
    'p50 ms',
    'p99 ms',
    'CPU µs a refresh',
    'Redis CPU µs',
    'Redis bytes',
    'Postgres bytes'
  ]
  const rows = levels.map(({ sessions, redis, postgres, refresh, fewest: few, ratio }) => [
    whole(sessions),
    `${number(refresh.p50_ms)} / ${number(few.p50_ms)}, **${number(ratio.p50)}**`,
    `${number(refresh.p99_ms)} / ${number(few.p99_ms)}, **${number(ratio.p99)}**`,
    `${number(refresh.cpu_us_per_request)} / ${number(few.cpu_us_per_request)}, **${number(ratio.cpu_per_request)}**`,
    number(redis.cpu_us_per_refresh),
    number(redis.bytes_per_session),
    number(postgres.bytes_per_session)
  ])
  return [
    table(head, rows),
    `So many sessions / ${whole(fewest)} in turn, and the ratio: the median of the rounds' own. ${String(connections)} connections, ` +
      `${String(rounds)} rounds of ${String(duration)} s; ${writeMachine(machine)}; commit ${commit}.`
  ].join('\n\n')
}

export function entriesTable(json: string): string {
  const rows = Object.entries(read(json).entries).map(([turn, { encoding, bytes }]) => [
    turn.replaceAll('_', ' '),
    encoding,
    whole(bytes)
  ])
  return table(['the entry of a session', 'kept as', 'bytes'], rows)
}

export function costsTable(json: string): string {
  const costs = readCosts(json)
  const most = whole(read(json).levels.at(-1)?.sessions ?? 0)
  const rows = [
    ['R', 'Redis memory of a session', `${number(costs.redis_bytes_per_session)} bytes`],
    ['S', 'table and indexes of a session', `${number(costs.postgres_bytes_per_session)} bytes`],
    ['U', 'table and indexes of a user', `${number(costs.postgres_bytes_per_user)} bytes`],
    ['C', 'CPU time of Latchkey for a refresh', `${number(costs.server_cpu_us)} µs`],
    ['D', 'CPU time of Redis for a refresh', `${number(costs.redis_cpu_us)} µs`],
    ['W', 'write-ahead log of a refresh', `${number(costs.wal_bytes)} bytes`],
    ['M', 'resident memory of a process', `${number(costs.process_mb)} MB`],
    ['L', 'the share of a core that is planned with', `${String(load)}, chosen`]
  ].map(([name = '', ...rest]) => [code(name), ...rest])
  return [
    table(['', 'what', 'value'], rows),
    `Measured with ${most} sessions: ${code('docs/results/scale.json')}.`
  ].join('\n\n')
}

/** The output of `npm run size -- --sessions 10000000 --access-ttl 15m`. */
export function sizeExample(json: string): string {
  const workload = { sessions: 10_000_000, access_ttl: 900, active: 1 }
  return `\`\`\`text\n${describeSize(workload, sizeOf(workload, readCosts(json)))}\n\`\`\``
}
