import { once } from 'node:events'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { leftovers } from './leftovers.ts'
import { startProxy } from './proxy.ts'
import { startRedis } from './redis.ts'

async function proxiedRedis(t: Test) {
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const proxy = await startProxy(redis.port)
  t.teardown(() => proxy.close())
  const client = new Redis(proxy.port, {
    commandTimeout: 1_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 10
  })
  client.on('error', () => undefined)
  t.teardown(() => {
    client.disconnect()
  })
  return { redis, proxy, client }
}

void t.test('a cut connection ends at once, a new one is refused until restored', async (t) => {
  const { redis, proxy, client } = await proxiedRedis(t)
  await client.set('a', 1)
  await proxy.cut()
  await t.rejects(client.get('a'))
  t.same(await leftovers(proxy), [])
  t.equal(await redis.client().get('a'), '1', 'the store itself is well')

  const reconnected = once(client, 'ready')
  await proxy.restore()
  await reconnected
  t.equal(await client.get('a'), '1')
})

void t.test('a request whose answer is dropped is carried out', async (t) => {
  const { redis, proxy, client } = await proxiedRedis(t)
  await client.ping()
  proxy.dropResponses(true)
  await t.rejects(client.incr('a'), /timed out/)
  t.equal(await redis.client().get('a'), '1')

  const reconnected = once(client, 'ready')
  proxy.dropResponses(false)
  await reconnected
  t.equal(await client.get('a'), '1', 'on a new connection')
})

void t.test('large answers and many connections pass unchanged', async (t) => {
  const { proxy, redis } = await proxiedRedis(t)
  const value = 'x'.repeat(5_000_000)
  await redis.client().set('large', value)
  const clients = Array.from({ length: 10 }, () => new Redis(proxy.port))
  const answers = await Promise.all(clients.map((client) => client.get('large')))
  t.ok(answers.every((answer) => answer === value))
  await Promise.all(clients.map((client) => client.quit()))
})

void t.test('close ends open connections and leaves no port, and can be repeated', async (t) => {
  const { proxy, client } = await proxiedRedis(t)
  await client.ping()
  await proxy.close()
  await proxy.close()
  t.same(await leftovers(proxy), [])
})
