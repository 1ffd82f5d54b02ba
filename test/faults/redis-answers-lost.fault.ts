// The connection to Redis breaks after a rotation was carried out and before its answer: nobody knows whether
// it happened, and the browser comes back with the parent later than the overlap. Were it taken for a thief,
// the person would be logged out; the nodes remember what they could not answer, and tell Redis first of all.
import t, { type Test } from 'tap'
import { startProxy } from '../stores/proxy.ts'
import { startRedis } from '../stores/redis.ts'
import { overlap, startNodes, startTraffic } from './traffic.ts'

async function behindProxy(t: Test) {
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const proxy = await startProxy(redis.port)
  t.teardown(() => proxy.close())
  const traffic = await startTraffic(t, await startNodes(t, `redis://127.0.0.1:${String(proxy.port)}`))
  return { redis, proxy, traffic }
}

void t.test('Redis: answers are lost for longer than the overlap', async (t) => {
  const { proxy, traffic } = await behindProxy(t)
  proxy.dropResponses(true)
  traffic.leave()
  await traffic.waits(2 * overlap)
  proxy.dropResponses(false)
  await traffic.recovers()
  await traffic.end(t)
})

void t.test('Redis: answers are lost, then the connection, for longer than the overlap', async (t) => {
  const { proxy, traffic } = await behindProxy(t)
  proxy.dropResponses(true)
  await traffic.waits(1) // every client has a rotation under way whose answer is lost
  await proxy.cut()
  traffic.leave()
  await traffic.waits(2 * overlap)
  proxy.dropResponses(false)
  await proxy.restore()
  await traffic.recovers()
  await traffic.end(t)
})
