import { Cluster } from 'ioredis'
import t from 'tap'
import { startCluster } from './cluster.ts'
import { leftovers } from './leftovers.ts'

void t.test('a replica takes over the slots of a killed master, and gives them back', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.close())
  t.match(cluster.url, /^redis-cluster:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+){5}$/)
  const keys = ['a', 'b', 'c'] // slots 15495, 3300 and 7365: one for each master
  const masters = await Promise.all(keys.map((key) => cluster.masterOf(key)))
  t.equal(new Set(masters).size, 3)

  const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
  client.on('error', () => undefined)
  t.teardown(() => {
    client.disconnect()
  })

  for (const generation of [1, 2]) {
    for (const key of keys) {
      const master = (await cluster.masterOf(key)).client()
      await master.set(key, generation)
      t.equal(await master.wait(1, 5_000), 1)
    }
    const killed = await cluster.killMasterOf('a')
    await cluster.waitForFailover(killed)
    const promoted = await cluster.masterOf('a')
    t.not(promoted, killed)
    for (const key of keys)
      t.equal(await client.get(key), String(generation), 'a client of the cluster finds it')

    await killed.restart({ keepData: false })
    await cluster.waitUntilHealthy()
    t.equal(await cluster.masterOf('a'), promoted, 'the old master comes back as a replica')
  }
})

void t.test('a paused master is replaced, and becomes a replica when it resumes', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.close())
  const paused = await cluster.masterOf('a')
  paused.pause()
  await cluster.waitForFailover(paused)
  paused.resume()
  await cluster.waitUntilHealthy()
  t.not(await cluster.masterOf('a'), paused)
  await t.rejects(paused.client().set('a', 'b'), /^MOVED/)
})

void t.test('close leaves nothing, even of a broken cluster', async (t) => {
  const cluster = await startCluster({ args: ['--cluster-require-full-coverage', 'no'] })
  t.teardown(() => cluster.close())
  await cluster.killMasterOf('a')
  const paused = await cluster.masterOf('b')
  paused.pause()
  await cluster.close()
  const left = await Promise.all(cluster.nodes.map(leftovers))
  t.same(left.flat(), [])
})
