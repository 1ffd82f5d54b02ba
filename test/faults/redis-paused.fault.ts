// Redis stands still (SIGSTOP, a machine that swaps, a snapshot of the VM): connections stay open, requests go
// in and nothing comes out, for less and for more than the overlap. Requests that it finds when it goes on are
// carried out long after their clients were told to try again.
import t from 'tap'
import { startRedis } from '../stores/redis.ts'
import { overlap, startNodes, startTraffic, storeTimeout } from './traffic.ts'

for (const [length, ms] of [
  ['the deadline', storeTimeout + 100],
  ['the overlap', 3 * overlap]
] as const) {
  void t.test(`Redis is paused for longer than ${length}`, async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.close())
    const traffic = await startTraffic(t, await startNodes(t, redis.url))

    redis.pause()
    traffic.leave()
    await traffic.waits(ms)
    redis.resume()
    await traffic.recovers()
    await traffic.end(t)
  })
}
