// What so many sessions need, by what was measured (docs/sizing.md).

/** What one session or one refresh costs. */
export interface Costs {
  redis_bytes_per_session: number
  postgres_bytes_per_session: number
  postgres_bytes_per_user: number
  /** CPU time of Latchkey */
  server_cpu_us: number
  redis_cpu_us: number
  wal_bytes: number
  /** Resident memory of one process */
  process_mb: number
}

export interface Workload {
  sessions: number
  /** s */
  access_ttl: number
  /** The share of the sessions, 0 to 1, that somebody has open. */
  active: number
}

export interface Size {
  refreshes_per_second: number
  /** Of Latchkey, a core each. */
  processes: number
  process_mb: number
  redis_bytes: number
  /** Masters, a core each. */
  redis_masters: number
  postgres_bytes: number
  /** Rows of sessions, a second */
  postgres_rows: number
  /** Transactions that write them, a second */
  postgres_transactions: number
  wal_bytes_per_second: number
}

/** The share of a core that is planned with: beyond it requests wait for each other. */
export const load = 0.5

/** What bench/scale.ts writes, as far as it is read here. */
interface ScaleResult {
  levels: {
    redis: { bytes_per_session: number; cpu_us_per_refresh: number }
    postgres: { bytes_per_session: number; bytes_per_user: number; wal_bytes_per_refresh: number }
    refresh: { cpu_us_per_request: number; peak_rss_mb: number }
  }[]
}

/** @param json docs/results/scale.json, of which the level with the most sessions counts */
export function readCosts(json: string): Costs {
  const most = (JSON.parse(json) as ScaleResult).levels.at(-1)
  if (!most) throw new Error('there are no results')
  const { redis, postgres, refresh } = most
  return {
    redis_bytes_per_session: redis.bytes_per_session,
    postgres_bytes_per_session: postgres.bytes_per_session,
    postgres_bytes_per_user: postgres.bytes_per_user,
    server_cpu_us: refresh.cpu_us_per_request,
    redis_cpu_us: redis.cpu_us_per_refresh,
    wal_bytes: postgres.wal_bytes_per_refresh,
    process_mb: refresh.peak_rss_mb
  }
}

/**
 * From one refresh of an open app to its next: the SDK does not wait for the end of the access token, but
 * refreshes 1 to 1.5 margins before it (client/pace.ts).
 * @param access_ttl s
 * @returns s, on average
 */
export function refreshInterval(access_ttl: number): number {
  const margin = Math.min(60, access_ttl / 4)
  return access_ttl - 1.25 * margin
}

export function sizeOf({ sessions, access_ttl, active }: Workload, costs: Costs): Size {
  const refreshes_per_second = (sessions * active) / refreshInterval(access_ttl)
  const cores = (cpu_us: number) => Math.max(1, Math.ceil((refreshes_per_second * cpu_us) / 1e6 / load))
  const processes = cores(costs.server_cpu_us)
  return {
    refreshes_per_second,
    processes,
    process_mb: costs.process_mb,
    redis_bytes: sessions * costs.redis_bytes_per_session,
    redis_masters: cores(costs.redis_cpu_us),
    // One user a session: fewer users take less.
    postgres_bytes: sessions * (costs.postgres_bytes_per_session + costs.postgres_bytes_per_user),
    postgres_rows: refreshes_per_second,
    postgres_transactions: Math.min(processes, refreshes_per_second),
    wal_bytes_per_second: refreshes_per_second * costs.wal_bytes
  }
}

const whole = (value: number) => Math.round(value).toLocaleString('en')

/** 1234 → `1,234`, 12.34 → `12.3` */
function decimal(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value >= 100 ? 0 : 1 })
}

function writeBytes(bytes: number): string {
  const units = [
    [1e12, 'TB'],
    [1e9, 'GB'],
    [1e6, 'MB']
  ] as const
  const [unit, name] = units.find(([unit]) => bytes >= unit) ?? [1e3, 'kB']
  return `${decimal(bytes / unit)} ${name}`
}

const counted = (count: number, one: string, many: string) => `${whole(count)} ${count === 1 ? one : many}`

/** For people at a terminal. */
export function describeSize(workload: Workload, size: Size): string {
  const percent = (share: number) => `${decimal(share * 100)} %`
  const rows = [
    ['sessions', `${whole(workload.sessions)}, ${percent(workload.active)} of them open`],
    ['refreshes', `${decimal(size.refreshes_per_second)} a second`],
    [
      'Latchkey',
      `${counted(size.processes, 'process', 'processes')}, a core each at ${percent(load)}, ${whole(size.process_mb)} MB each`
    ],
    ['Redis', `${writeBytes(size.redis_bytes)} of memory`],
    ['', `${counted(size.redis_masters, 'master', 'masters')}, a core each at ${percent(load)}`],
    [
      'Postgres',
      `${writeBytes(size.postgres_bytes)} of tables and indexes, where each session is another user's`
    ],
    [
      '',
      `${decimal(size.postgres_rows)} rows updated a second, in ${counted(size.postgres_transactions, 'transaction', 'transactions')}`
    ],
    ['', `about ${writeBytes(size.wal_bytes_per_second)} of write-ahead log a second`]
  ]
  return rows.map(([name = '', value = '']) => `${name.padEnd(10)} ${value}`).join('\n')
}
