// A Cluster of six loses a master under load: its slots are nobody's until its replica has taken them over,
// while the sessions in the other slots go on.
import t from 'tap'
import { startCluster } from '../stores/cluster.ts'
import { startNodes, startTraffic } from './traffic.ts'

void t.test('Cluster: a master is killed, and comes back as an empty replica', async (t) => {
  const cluster = await startCluster({ args: ['--cluster-require-full-coverage', 'no'] })
  t.teardown(() => cluster.close())
  const traffic = await startTraffic(t, await startNodes(t, cluster.url))

  const killed = await cluster.killMasterOf('a')
  traffic.leave()
  await cluster.waitForFailover(killed)
  await traffic.recovers()
  await killed.restart({ keepData: false })
  await cluster.waitUntilHealthy()
  await traffic.flows()
  await traffic.end(t)
})

void t.test('Cluster: a master stands still, is replaced, and goes on', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.close())
  const traffic = await startTraffic(t, await startNodes(t, cluster.url))

  const paused = await cluster.masterOf('a')
  paused.pause()
  traffic.leave()
  await cluster.waitForFailover(paused)
  await traffic.recovers()
  paused.resume()
  await cluster.waitUntilHealthy()
  await traffic.flows()
  await traffic.end(t)
})
