import type { Test } from 'tap'
import type { ConfigurationInput } from '../app.ts'
import { makeStores, startNode, type App } from './helper.ts'
import { startProxy, type Proxy } from './stores/proxy.ts'
import { startRedis, type RedisHandle } from './stores/redis.ts'

export interface BehindProxies {
  app: App
  /** A Redis of the test's own, that nobody else talks to. */
  redis: RedisHandle
  proxies: { postgres: Proxy; redis: Proxy }
}

/** A node, and what cuts it off from each of its stores. */
export async function buildBehindProxies(t: Test, env: ConfigurationInput = {}): Promise<BehindProxies> {
  const stores = await makeStores(t)
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const databaseUrl = new URL(String(stores.env.DATABASE_URL))
  const proxies = {
    postgres: await startProxy(Number(databaseUrl.port)),
    redis: await startProxy(redis.port)
  }
  t.teardown(() => Promise.all(Object.values(proxies).map((proxy) => proxy.close())))
  databaseUrl.port = String(proxies.postgres.port)
  const app = await startNode(stores, {
    DATABASE_URL: databaseUrl.href,
    REDIS_URL: `redis://127.0.0.1:${String(proxies.redis.port)}`,
    ...env
  })
  t.teardown(() => app.close())
  return { app, redis, proxies }
}
