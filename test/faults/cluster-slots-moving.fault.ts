// Slots move from one master of a Cluster to another under load, as when one is added: keys that have gone
// already are asked for at the old place and found at the new one (ASK), then only there (MOVED).
import t from 'tap'
import { startCluster } from '../stores/cluster.ts'
import type { RedisHandle } from '../stores/redis.ts'
import { startNodes, startTraffic } from './traffic.ts'

void t.test('Cluster: slots move from one master to another', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.close())
  const traffic = await startTraffic(t, await startNodes(t, cluster.url))

  const from = await cluster.masterOf('a')
  const to = await cluster.masterOf('b')
  const slots = await occupiedSlots(from)
  traffic.leave()
  for (const slot of slots) await moveKeys(slot, from, to)
  await traffic.flows()
  for (const slot of slots) await moveOwnership(slot, from, to)
  await traffic.recovers()
  t.comment(`${String(slots.length)} slots with sessions were moved`)
  t.not(slots.length, 0)
  await traffic.end(t)
})

/** The slots of a node that hold keys. */
async function occupiedSlots(node: RedisHandle): Promise<number[]> {
  const keys = await node.client().keys('*')
  const slots = await Promise.all(keys.map((key) => node.client().cluster('KEYSLOT', key)))
  return [...new Set(slots)]
}

/** The first half of what `redis-cli --cluster reshard` does for a slot; the second is moveOwnership. */
async function moveKeys(slot: number, from: RedisHandle, to: RedisHandle): Promise<void> {
  const [source, target] = [from.client(), to.client()]
  await target.cluster('SETSLOT', slot, 'IMPORTING', await source.cluster('MYID'))
  await source.cluster('SETSLOT', slot, 'MIGRATING', await target.cluster('MYID'))
  for (const key of await source.cluster('GETKEYSINSLOT', slot, 1000))
    await source.migrate('127.0.0.1', to.port, key, 0, 1000)
}

async function moveOwnership(slot: number, from: RedisHandle, to: RedisHandle): Promise<void> {
  const owner = await to.client().cluster('MYID')
  await to.client().cluster('SETSLOT', slot, 'NODE', owner)
  await from.client().cluster('SETSLOT', slot, 'NODE', owner)
}
