// One server of several workers: they die without a word, one or all of them, and they are replaced in order.
// Whoever comes back is answered by another one, which has nothing of what the first had in its memory.
import t, { type Test } from 'tap'
import { workersOf } from '../server/workers.ts'
import { startPostgres } from '../stores/postgres.ts'
import { startRedis } from '../stores/redis.ts'
import { until } from '../stores/until.ts'
import { startNodeProcess } from './node.ts'
import { settings, startTraffic } from './traffic.ts'

async function startWorkers(t: Test) {
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const node = await startNodeProcess({
    ...settings,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    REFRESH_OVERLAP: '60s',
    STORE_TIMEOUT: '2s',
    WORKERS: 2
  })
  t.teardown(() => node.close())
  const workers = () => workersOf(node)
  await until('two workers', async () => workers().length === 2)
  return { node, workers }
}

const access = { accessPath: '/auth/me', accessAsks: true }

void t.test('Workers of a server are killed at random moments', async (t) => {
  const { node, workers } = await startWorkers(t)
  const traffic = await startTraffic(t, [node], { ...access, mayVanish: true })
  for (let round = 0; round < 4; round++) {
    await traffic.flows(Math.ceil(Math.random() * 3))
    // One of them, and at the end all at once.
    for (const worker of round < 3 ? workers().slice(0, 1) : workers()) process.kill(worker, 'SIGKILL')
    if (round === 2) traffic.leave()
    const explain = () => `Its log ends:\n${node.log}`
    await until('two workers again', async () => workers().length === 2, { explain })
    await traffic.recovers()
  }
  await traffic.end(t)
})

void t.test('Workers of a server are replaced one by one, which nobody notices', async (t) => {
  const { node, workers } = await startWorkers(t)
  const traffic = await startTraffic(t, [node], access)
  for (let round = 0; round < 2; round++) {
    await traffic.flows(1)
    const old = workers()
    process.kill(Number(node.pid), 'SIGHUP')
    if (round === 0) traffic.leave()
    const isDone = async () => workers().length === 2 && !workers().some((worker) => old.includes(worker))
    await until('new workers', isDone, { within: 60_000 })
    await traffic.recovers()
  }
  await traffic.end(t)
})
