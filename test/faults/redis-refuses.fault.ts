// Redis answers, but only to say no: it is a replica now, it has too few replicas, it is full. Every refusal is
// a 503 and none is a verdict; the nodes go on by themselves once it takes writes again.
import type { Redis } from 'ioredis'
import t from 'tap'
import { type RedisHandle, startRedis } from '../stores/redis.ts'
import { overlap, startNodes, startTraffic } from './traffic.ts'

const closedPort = 1

interface Refusal {
  begin: (redis: Redis) => Promise<unknown>
  end: (redis: Redis) => Promise<unknown>
}

const refusals: Record<string, Refusal> = {
  'Redis answers READONLY: it was made a replica': {
    begin: (redis) => redis.replicaof('127.0.0.1', closedPort),
    end: (redis) => redis.replicaof('NO', 'ONE')
  },
  'Redis answers NOREPLICAS: it has too few replicas': {
    begin: (redis) => redis.config('SET', 'min-replicas-to-write', 1),
    end: (redis) => redis.config('SET', 'min-replicas-to-write', 0)
  },
  'Redis answers OOM: it is full and may evict nothing': {
    begin: (redis) => redis.config('SET', 'maxmemory', 1),
    end: (redis) => redis.config('SET', 'maxmemory', 0)
  },
  'Redis answers MASTERDOWN: it is a replica that has lost its primary': {
    async begin(redis) {
      await redis.config('SET', 'replica-serve-stale-data', 'no')
      await redis.replicaof('127.0.0.1', closedPort)
    },
    end: (redis) => redis.replicaof('NO', 'ONE')
  },
  'Redis answers NOAUTH: it wants a password': {
    async begin(redis) {
      await redis.config('SET', 'requirepass', 'secret')
      await redis.client('KILL', 'TYPE', 'NORMAL') // connections that are there stay trusted
    },
    end: (redis) => redis.config('SET', 'requirepass', '')
  }
}

for (const [name, { begin, end }] of Object.entries(refusals)) {
  void t.test(name, async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.close())
    const traffic = await startTraffic(t, await startNodes(t, redis.url))
    const before = await connections(redis)

    await begin(redis.client())
    traffic.leave()
    await traffic.waits(2 * overlap)
    await end(redis.client())
    await traffic.recovers()
    t.comment(`${String((await connections(redis)) - before)} new connections`)
    await traffic.end(t)
  })
}

async function connections(redis: RedisHandle): Promise<number> {
  const stats = await redis.client().info('stats')
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1])
}
