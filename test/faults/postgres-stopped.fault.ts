// Postgres goes away for longer than the overlap: stopped in good order, crashed, or standing still. No session
// is vouched for meanwhile, so refreshes, logins and revocations are answered 503, while Redis goes on rotating
// for tokens that nobody gets. When it is back every client comes with the parent of a head it never saw.
import t from 'tap'
import { type PostgresHandle, startPostgres } from '../stores/postgres.ts'
import { startRedis } from '../stores/redis.ts'
import { overlap, startNodes, startTraffic } from './traffic.ts'

interface Outage {
  begin: (postgres: PostgresHandle) => Promise<void>
  end: (postgres: PostgresHandle) => Promise<void>
}

const outages: Record<string, Outage> = {
  'Postgres is stopped': {
    begin: (postgres) => postgres.stop('fast'),
    end: (postgres) => postgres.start()
  },
  'Postgres crashes and recovers': {
    begin: (postgres) => postgres.stop('immediate'),
    end: (postgres) => postgres.start()
  },
  'Postgres stands still': {
    begin: (postgres) => postgres.pause(),
    end: async (postgres) => {
      postgres.resume()
    }
  }
}

for (const [name, { begin, end }] of Object.entries(outages)) {
  void t.test(name, async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.close())
    const postgres = await startPostgres()
    t.teardown(() => postgres.close())
    const traffic = await startTraffic(t, await startNodes(t, redis.url, { DATABASE_URL: postgres.url }))

    await begin(postgres)
    traffic.leave()
    await traffic.waits(2 * overlap)
    await end(postgres)
    await traffic.recovers()
    await traffic.end(t)
  })
}

void t.test(
  'Postgres is stopped: with REFRESH_STALE_OK sessions go on that were seen good lately',
  async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.close())
    const postgres = await startPostgres()
    t.teardown(() => postgres.close())
    const nodes = await startNodes(t, redis.url, { DATABASE_URL: postgres.url, REFRESH_STALE_OK: '5m' })
    const traffic = await startTraffic(t, nodes)
    await traffic.flows(10) // both nodes have seen every session

    await postgres.stop('fast')
    await traffic.flows(10)
    traffic.leave()
    await traffic.flows()
    await postgres.start()
    await traffic.recovers()
    await traffic.end(t)
  }
)
