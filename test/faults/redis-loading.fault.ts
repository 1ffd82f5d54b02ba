// Redis is killed and takes its time to read its data again: it answers LOADING, and nobody knows yet which
// sessions it will remember.
import { Redis } from 'ioredis'
import t from 'tap'
import { startRedis } from '../stores/redis.ts'
import { until } from '../stores/until.ts'
import { startNodes, startTraffic } from './traffic.ts'

void t.test('Redis loads its data', async (t) => {
  // Half a millisecond for each key; while it loads, it looks at its clients after every 1024 of them.
  const redis = await startRedis({ appendOnly: true, args: ['--key-load-delay', '500'] })
  t.teardown(() => redis.close())
  await redis.client().eval("for key = 1, 5000 do redis.call('SET', 'filler:' .. key, key) end", 0)
  const traffic = await startTraffic(t, await startNodes(t, redis.url))

  const restarted = redis.restart({ keepData: true })
  await until('Redis to load', () => isLoading(redis.url))
  traffic.leave()
  await restarted
  await traffic.recovers()
  await traffic.end(t)
})

async function isLoading(url: string): Promise<boolean> {
  const client = new Redis(url, {
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null
  })
  client.on('error', () => undefined)
  try {
    await client.get('key')
    return false
  } catch (error) {
    return error instanceof Error && error.message.startsWith('LOADING')
  } finally {
    client.disconnect()
  }
}
