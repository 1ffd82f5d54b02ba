// Redis is full and evicts (allkeys-lru): whitelist entries vanish while their sessions live. Nobody is refused:
// the record vouches, and the entry is written anew.
import t from 'tap'
import { startRedis } from '../stores/redis.ts'
import { until } from '../stores/until.ts'
import { startNodes, startTraffic } from './traffic.ts'

void t.test('Redis evicts the entries of live sessions', async (t) => {
  const redis = await startRedis({ maxmemory: '5mb', args: ['--maxmemory-policy', 'allkeys-lru'] })
  t.teardown(() => redis.close())
  const nodes = await startNodes(t, redis.url)
  const traffic = await startTraffic(t, nodes)

  const rebuilt = async () => {
    const pages = await Promise.all(nodes.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
    const counts = pages.map(
      (page) => /refreshes_total{verdict="rotated",kind="rebuilt"} (\d+)/.exec(page)?.[1]
    )
    return counts.reduce((sum, count) => sum + Number(count ?? 0), 0)
  }
  traffic.leave()
  let filler = 0
  await until('ten entries to be evicted and written anew', async () => {
    for (let key = 0; key < 20; key++)
      await redis.client().set(`filler:${String(filler++)}`, Buffer.alloc(100_000))
    return (await rebuilt()) >= 10
  })
  await traffic.recovers()
  t.comment(`${String(await rebuilt())} entries were written anew`)
  await traffic.end(t)
})
