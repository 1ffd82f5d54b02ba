import type { Redis } from 'ioredis'
import { claimDataFolder, type DataFolder } from './data-folder.ts'
import { startEmbeddedPostgres } from './postgres.ts'
import { createMemoryRedis } from './redis-memory.ts'
import { findRedisServer, startEmbeddedRedis } from './redis.ts'

export type EmbeddedRedisKind = 'server' | 'memory'

export interface EmbeddedStoresOptions {
  /** Made where it is not there. Only one process at a time can have it. */
  dataDir: string
  postgres: boolean
  redis: boolean
  /** By default `server` where redis-server or valkey-server is on the PATH, else `memory`. */
  redisKind?: EmbeddedRedisKind | undefined
}

export interface EmbeddedStores {
  /** `postgres://…` on 127.0.0.1, where PostgreSQL was asked for. */
  databaseUrl?: string
  /** `unix:///…`, where Redis was asked for and is a server. */
  redisUrl?: string
  /** Where Redis was asked for and is in this process's memory. `close` ends it. */
  redisClient?: Redis
  /** Lines for people: what is embedded, where, and what to know about it. */
  description: string[]
  /** Ends both, in good order; a second call waits for the first. */
  readonly close: () => Promise<void>
}

type Addresses = Pick<EmbeddedStores, 'databaseUrl' | 'redisUrl' | 'redisClient'>

interface Store {
  addresses: Addresses
  description: string
  stop: () => Promise<void>
}

/**
 * Starts PostgreSQL and Redis for a machine that has neither: for a trial and for tests, with their data in
 * `dataDir`. They run until `close` or until this process is gone, whatever ended it, and no longer; signals
 * that reach this process are not theirs. They do not keep it alive.
 * @throws where a package or program is missing, where another process has the folder, or where a store does
 * not come up. Nothing is then left running.
 */
export async function startEmbeddedStores(options: EmbeddedStoresOptions): Promise<EmbeddedStores> {
  const { dataDir, postgres, redis, redisKind = findRedisServer() ? 'server' : 'memory' } = options
  const needsFolder = postgres || (redis && redisKind === 'server')
  if (needsFolder && process.platform === 'win32') {
    throw new Error('The embedded stores do not run on Windows: use WSL, or set DATABASE_URL and REDIS_URL')
  }
  const folder = needsFolder ? await claimDataFolder(dataDir) : undefined

  const starts: Promise<Store>[] = []
  if (folder && postgres) starts.push(startEmbeddedPostgres(folder))
  if (redis) starts.push(folder && redisKind === 'server' ? startEmbeddedRedis(folder) : startMemoryRedis())
  const results = await Promise.allSettled(starts)
  const stores = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failure = results.find((result) => result.status === 'rejected')
  if (failure) {
    await closeAll(stores, folder)
    throw failure.reason
  }

  const addresses = stores.reduce<Addresses>((all, store) => ({ ...all, ...store.addresses }), {})
  const { databaseUrl, redisUrl } = addresses
  folder?.announce({ ...(databaseUrl ? { databaseUrl } : {}), ...(redisUrl ? { redisUrl } : {}) })
  let closing: Promise<void> | undefined
  return {
    ...addresses,
    description: stores.map(({ description }) => description),
    close: () => (closing ??= closeAll(stores, folder))
  }
}

async function startMemoryRedis(): Promise<Store> {
  const redisClient = createMemoryRedis()
  return {
    addresses: { redisClient },
    description:
      'Redis (ioredis-mock) in the memory of this process: its data ends with it, and sessions are written anew from Postgres',
    async stop() {
      await redisClient.flushall()
      redisClient.disconnect()
    }
  }
}

async function closeAll(stores: Store[], folder: DataFolder | undefined): Promise<void> {
  await Promise.all(stores.map((store) => store.stop()))
  folder?.release()
}
