// The connection on which a node listens for revocations is lost, and the next one is not let in at once. The
// first version left the subscription to its client, which rejected where nobody could catch it: a node died of
// a Redis that was slow to answer. Later ones must hear again what the others publish.
import t from 'tap'
import { startRedis } from '../stores/redis.ts'
import { until } from '../stores/until.ts'
import { startNodes, startTraffic } from './traffic.ts'

void t.test('Redis: the revocation feed is cut off and refused, and listens again', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const client = redis.client()
  const traffic = await startTraffic(t, await startNodes(t, redis.url))
  const listeners = async () => Number((await client.pubsub('NUMSUB', 'latchkey:revoked'))[1])
  t.equal(await listeners(), 2)

  await client.acl('SETUSER', 'default', '-subscribe')
  await client.client('KILL', 'TYPE', 'PUBSUB')
  await until('a node to be refused', async () =>
    JSON.stringify(await client.acl('LOG')).includes('subscribe')
  )
  traffic.leave()
  await traffic.flows()
  await client.acl('SETUSER', 'default', '+subscribe')
  await until('both nodes to listen again', async () => (await listeners()) === 2)
  await traffic.recovers()
  await traffic.end(t)
})
