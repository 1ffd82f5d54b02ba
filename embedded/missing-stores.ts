import { runningStores } from './data-folder.ts'
import { startEmbeddedStores, type EmbeddedRedisKind, type EmbeddedStores } from './index.ts'
import { createMemoryRedis } from './redis-memory.ts'
import { secretKeyOf } from './secret-key.ts'

/** What of the configuration says which stores there are. */
export interface StoreSettings {
  DATABASE_URL?: string | undefined
  REDIS_URL?: string | undefined
  SECRET_KEY: string[]
  DATA_DIR: string
  EMBEDDED_REDIS?: EmbeddedRedisKind | undefined
}

export interface StandInStores extends Pick<EmbeddedStores, 'redisClient' | 'description' | 'close'> {
  /** What the environment did not name. */
  input: { DATABASE_URL?: string; REDIS_URL?: string; SECRET_KEY?: string }
}

/**
 * Starts what the settings do not name: embedded Postgres, embedded Redis, a secret key.
 * @param join use the stores of a server that runs in the folder, where one does
 */
export async function startMissingStores(settings: StoreSettings, join = false): Promise<StandInStores> {
  const { DATABASE_URL, REDIS_URL, DATA_DIR, EMBEDDED_REDIS } = settings
  if (DATABASE_URL !== undefined && REDIS_URL !== undefined)
    return { input: {}, description: [], close: async () => undefined }
  const stores =
    (join ? joinStores(settings) : undefined) ??
    (await startEmbeddedStores({
      dataDir: DATA_DIR,
      postgres: DATABASE_URL === undefined,
      redis: REDIS_URL === undefined,
      ...(EMBEDDED_REDIS ? { redisKind: EMBEDDED_REDIS } : {})
    }))
  const { databaseUrl, redisUrl, redisClient, description, close } = stores
  return {
    input: {
      ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
      ...(redisUrl ? { REDIS_URL: redisUrl } : {}),
      ...(DATABASE_URL === undefined && settings.SECRET_KEY.length === 0
        ? { SECRET_KEY: secretKeyOf(DATA_DIR) }
        : {})
    },
    ...(redisClient ? { redisClient } : {}),
    description,
    close
  }
}

/**
 * The stores of another process. A Redis in its memory can't be reached: an empty one of our own takes its
 * place, as the record in Postgres is what counts and every node reads it.
 */
function joinStores({ DATABASE_URL, REDIS_URL, DATA_DIR }: StoreSettings): EmbeddedStores | undefined {
  const running = runningStores(DATA_DIR)
  if (!running || (DATABASE_URL === undefined && !running.databaseUrl)) return undefined
  const redisClient = (REDIS_URL ?? running.redisUrl) ? undefined : createMemoryRedis()
  return {
    ...(DATABASE_URL === undefined && running.databaseUrl ? { databaseUrl: running.databaseUrl } : {}),
    ...(REDIS_URL === undefined && running.redisUrl ? { redisUrl: running.redisUrl } : {}),
    ...(redisClient ? { redisClient } : {}),
    description: [],
    close: async () => redisClient?.disconnect()
  }
}
