// A Sentinel set of three loses its primary under load: killed, or standing still and coming back later, not
// knowing that it was replaced. Replication is asynchronous, so the new primary lacks the last rotations:
// clients present tokens that are newer than what it knows, and are rolled forward.
import t from 'tap'
import { startSentinelSet } from '../stores/sentinel.ts'
import { startNodes, startTraffic } from './traffic.ts'

void t.test('Sentinel: the primary is killed, and comes back as an empty replica', async (t) => {
  const set = await startSentinelSet()
  t.teardown(() => set.close())
  const traffic = await startTraffic(t, await startNodes(t, set.url))

  const killed = await set.killPrimary()
  traffic.leave()
  await set.waitForFailover(killed)
  await traffic.recovers()
  await killed.restart({ keepData: false })
  await set.waitUntilHealthy()
  await traffic.flows()
  await traffic.end(t)
})

void t.test('Sentinel: the primary stands still, is replaced, and goes on', async (t) => {
  const set = await startSentinelSet()
  t.teardown(() => set.close())
  const traffic = await startTraffic(t, await startNodes(t, set.url))

  const paused = await set.primary()
  paused.pause()
  traffic.leave()
  await set.waitForFailover(paused)
  await traffic.recovers()
  paused.resume()
  await set.waitUntilHealthy()
  await traffic.flows()
  await traffic.end(t)
})

void t.test('Sentinel: a sentinel stands still while the primary is killed', async (t) => {
  const set = await startSentinelSet()
  t.teardown(() => set.close())
  const traffic = await startTraffic(t, await startNodes(t, set.url))

  set.sentinels[0]?.pause() // the one that the nodes ask first
  const killed = await set.killPrimary()
  await traffic.recovers()
  t.not(await set.primary().catch(() => undefined), killed)
  await traffic.end(t)
})
