import { Redis } from 'ioredis'
import t from 'tap'
import { leftovers } from './leftovers.ts'
import { startSentinelSet } from './sentinel.ts'
import { until } from './until.ts'

void t.test('a replica takes over from a killed primary, and again from the next', async (t) => {
  const set = await startSentinelSet()
  t.teardown(() => set.close())
  t.match(set.url, /^redis-sentinel:\/\/127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+\/latchkey$/)
  const [first] = set.servers
  t.equal(await set.primary(), first)

  const client = new Redis({
    sentinels: set.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    name: 'latchkey'
  })
  client.on('error', () => undefined)
  t.teardown(() => {
    client.disconnect()
  })

  for (const generation of [1, 2]) {
    await client.set('generation', generation)
    t.equal(await client.wait(2, 5_000), 2)
    const killed = await set.killPrimary()
    const promoted = await set.waitForFailover(killed)
    t.not(promoted, killed)
    t.equal(await promoted.client().get('generation'), String(generation))
    t.equal(await client.get('generation'), String(generation), 'a client of the sentinels finds it')

    await killed.restart({ keepData: false })
    await set.waitUntilHealthy()
    t.equal(await set.primary(), promoted, 'the old primary comes back as a replica')
    t.equal(await killed.client().get('generation'), String(generation))
  }
})

void t.test('a paused primary is replaced, and made a replica when it resumes', async (t) => {
  const set = await startSentinelSet()
  t.teardown(() => set.close())
  const paused = await set.primary()
  paused.pause()
  const promoted = await set.waitForFailover(paused)
  await promoted.client().set('written', 'after')
  paused.resume()
  t.equal((await paused.client().role())[0], 'master', 'it does not know yet: here a write would be lost')
  await set.waitUntilHealthy()
  await until('the write to arrive', async () => (await paused.client().get('written')) === 'after')
  t.equal((await paused.client().role())[0], 'slave')
})

void t.test('close leaves nothing, even of a broken set', async (t) => {
  const set = await startSentinelSet({ args: ['--min-replicas-to-write', '1'] })
  t.teardown(() => set.close())
  await set.killPrimary()
  set.sentinels[0]?.pause()
  await set.close()
  const left = await Promise.all([...set.servers, ...set.sentinels].map(leftovers))
  t.same(left.flat(), [])
})
