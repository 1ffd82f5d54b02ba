// The connections to Postgres break after a query was carried out and before its answer: a revocation that was
// answered 503 may be done already, and is repeated; a login that was answered 503 leaves nothing that opens.
import t from 'tap'
import { startPostgres } from '../stores/postgres.ts'
import { startProxy } from '../stores/proxy.ts'
import { startRedis } from '../stores/redis.ts'
import { overlap, startNodes, startTraffic } from './traffic.ts'

void t.test('Postgres: answers are lost, then the connections', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const proxy = await startProxy(postgres.port)
  t.teardown(() => proxy.close())
  const nodes = await startNodes(t, redis.url, {
    DATABASE_URL: `postgres://postgres@127.0.0.1:${String(proxy.port)}/postgres`
  })
  const traffic = await startTraffic(t, nodes)

  proxy.dropResponses(true)
  traffic.leave()
  await traffic.waits(overlap)
  await proxy.cut()
  await traffic.waits(2 * overlap)
  proxy.dropResponses(false)
  await proxy.restore()
  await traffic.recovers()
  await traffic.end(t)
})
