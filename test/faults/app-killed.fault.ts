// The server itself dies without a word: at some moment, and at the worst one, after Redis has rotated and
// before the client has its answer. Whoever comes back with the parent gets the head: a phone by its
// Idempotency-Key, a browser within the overlap.
import t, { type Test } from 'tap'
import { startPostgres } from '../stores/postgres.ts'
import { startProxy } from '../stores/proxy.ts'
import { startRedis } from '../stores/redis.ts'
import { startNodeProcess } from './node.ts'
import { settings, startTraffic } from './traffic.ts'

const vanishing = { accessPath: '/auth/me', accessAsks: true, mayVanish: true }

async function startProcesses(t: Test, count: number) {
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const proxy = await startProxy(postgres.port)
  t.teardown(() => proxy.close())
  const input = {
    ...settings,
    DATABASE_URL: `postgres://postgres@127.0.0.1:${String(proxy.port)}/postgres`,
    REDIS_URL: redis.url,
    REFRESH_OVERLAP: '60s',
    STORE_TIMEOUT: '2s'
  }
  const nodes = await Promise.all(Array.from({ length: count }, () => startNodeProcess(input)))
  t.teardown(() => Promise.all(nodes.map((node) => node.close())))
  return { proxy, nodes }
}

void t.test('The only server is killed at random moments', async (t) => {
  const { nodes } = await startProcesses(t, 1)
  const traffic = await startTraffic(t, nodes, vanishing)
  for (let round = 0; round < 4; round++) {
    await traffic.flows(Math.ceil(Math.random() * 3))
    for (const node of nodes) await node.kill()
    if (round === 2) traffic.leave()
    for (const node of nodes) await node.start()
    await traffic.recovers()
  }
  await traffic.end(t)
})

void t.test('The only server is killed between Redis and the answer', async (t) => {
  const { nodes, proxy } = await startProcesses(t, 1)
  const traffic = await startTraffic(t, nodes, vanishing)
  proxy.dropResponses(true)
  await traffic.waits(1) // Redis has rotated, and Postgres does not vouch
  for (const node of nodes) await node.kill()
  proxy.dropResponses(false)
  traffic.leave()
  for (const node of nodes) await node.start()
  await traffic.recovers()
  await traffic.end(t)
})

void t.test('One of two servers after the other is asked to end, and is started again', async (t) => {
  const { nodes } = await startProcesses(t, 2)
  const traffic = await startTraffic(t, nodes, vanishing)
  traffic.leave()
  for (const node of nodes) {
    t.equal(await node.terminate(), 0)
    await traffic.flows(1)
    await node.start()
    await traffic.recovers()
  }
  await traffic.end(t)
})
