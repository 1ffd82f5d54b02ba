// The calculator against cases reckoned by hand, and as a command.
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { marginOf } from '../../client/pace.ts'
import { readCosts, refreshInterval, sizeOf, type Costs } from '../../scripts/sizing.ts'
import { root } from '../docs/pages.ts'

const costs: Costs = {
  ...{ redis_bytes_per_session: 500, postgres_bytes_per_session: 600, postgres_bytes_per_user: 300 },
  ...{ server_cpu_us: 200, redis_cpu_us: 40, wal_bytes: 1000, process_mb: 150 }
}

t.test('an open app refreshes before its access token ends', async (t) => {
  t.equal(refreshInterval(900), 825, 'fifteen minutes less 75 s')
  t.equal(refreshInterval(60), 41.25, 'a minute less one and a quarter of 15 s')
  for (const expires_in of [20, 60, 900]) {
    const margin = marginOf({ expires_in } as Parameters<typeof marginOf>[0]) / 1000
    t.equal(refreshInterval(expires_in), expires_in - 1.25 * margin, 'as the SDK does')
  }
})

t.test('ten million sessions', async (t) => {
  // 8,250,000 / 825 s = 10,000 refreshes a second. × 200 µs = 2 cores, 4 at half load; Redis 0.4, so 0.8.
  t.same(sizeOf({ sessions: 8_250_000, access_ttl: 900, active: 1 }, costs), {
    ...{ refreshes_per_second: 10_000, processes: 4, process_mb: 150 },
    ...{ redis_bytes: 4_125_000_000, redis_masters: 1 },
    ...{ postgres_bytes: 7_425_000_000, postgres_rows: 10_000, postgres_transactions: 4 },
    wal_bytes_per_second: 10_000_000
  })
})

t.test('sessions that nobody has open take room and nothing else', async (t) => {
  // A tenth: 1,000 a second, 0.2 cores.
  t.match(sizeOf({ sessions: 8_250_000, access_ttl: 900, active: 0.1 }, costs), {
    ...{ refreshes_per_second: 1000, processes: 1, redis_masters: 1, postgres_transactions: 1 },
    ...{ redis_bytes: 4_125_000_000, wal_bytes_per_second: 1_000_000 }
  })
})

t.test('a short access token costs refreshes', async (t) => {
  // 4,125,000 / 41.25 s = 100,000 a second: 20 cores, 40 at half load; Redis 4, so 8.
  t.match(sizeOf({ sessions: 4_125_000, access_ttl: 60, active: 1 }, costs), {
    ...{ refreshes_per_second: 100_000, processes: 40, redis_masters: 8 }
  })
})

t.test('what counts is the level with the most sessions', async (t) => {
  const level = (factor: number) => ({
    redis: { bytes_per_session: 500 * factor, cpu_us_per_refresh: 40 * factor },
    postgres: {
      bytes_per_session: 600 * factor,
      bytes_per_user: 300 * factor,
      wal_bytes_per_refresh: 1000 * factor
    },
    refresh: { cpu_us_per_request: 200 * factor, peak_rss_mb: 150 * factor }
  })
  t.same(readCosts(JSON.stringify({ levels: [level(2), level(1)] })), costs)
  t.throws(() => readCosts('{"levels":[]}'), { message: 'there are no results' })
})

t.test('the command', async (t) => {
  const size = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'scripts/size.ts', ...args], {
      cwd: root,
      encoding: 'utf8'
    })
  const { stdout, status } = size('--sessions', '8250000', '--access-ttl', '15m', '--active', '0.1')
  t.equal(status, 0)
  t.match(stdout, /^sessions +8,250,000, 10 % of them open\nrefreshes +1,000 a second\nLatchkey +\d/)
  for (const wrong of [
    [],
    ['--sessions', '0'],
    ['--sessions', '1', '--access-ttl', 'soon'],
    ['--sessions', '1', '--active', '2']
  ])
    t.equal(size(...wrong).status, 1)
})
