// A connection dies without a word, as when a firewall forgets it or a machine vanishes: nothing refuses, nothing
// answers, and TCP alone would notice after a quarter of an hour. The nodes leave it and open another.
import t from 'tap'
import { startPostgres } from '../stores/postgres.ts'
import { startProxy } from '../stores/proxy.ts'
import { startRedis } from '../stores/redis.ts'
import { startNodes, startTraffic } from './traffic.ts'

for (const silent of ['Redis', 'Postgres'] as const) {
  void t.test(`The connections to ${silent} fall silent`, async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.close())
    const postgres = await startPostgres()
    t.teardown(() => postgres.close())
    const proxy = await startProxy(silent === 'Redis' ? redis.port : postgres.port)
    t.teardown(() => proxy.close())
    const proxied = (url: string) => url.replace(/:\d+/, `:${String(proxy.port)}`)
    const nodes = await startNodes(t, silent === 'Redis' ? proxied(redis.url) : redis.url, {
      DATABASE_URL: silent === 'Postgres' ? proxied(postgres.url) : postgres.url
    })
    const traffic = await startTraffic(t, nodes)

    proxy.silence()
    traffic.leave()
    await traffic.recovers()
    await traffic.end(t)
  })
}
