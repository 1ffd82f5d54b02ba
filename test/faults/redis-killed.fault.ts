// Redis dies, without a word to anybody, and comes back: with its data, or with none. While it is away
// refreshes are answered 503; a revocation is taken by Postgres alone, and holds on both nodes when Redis is back.
import t from 'tap'
import { startRedis } from '../stores/redis.ts'
import { overlap, startNodes, startTraffic } from './traffic.ts'

for (const keepData of [true, false]) {
  void t.test(`Redis is killed and comes back ${keepData ? 'with its data' : 'empty'}`, async (t) => {
    const redis = await startRedis({ appendOnly: true })
    t.teardown(() => redis.close())
    const traffic = await startTraffic(t, await startNodes(t, redis.url))

    await redis.kill('SIGKILL')
    traffic.leave()
    await traffic.waits(2 * overlap)
    await redis.restart({ keepData })
    await traffic.recovers()
    await traffic.end(t)
  })
}
