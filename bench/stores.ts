import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedStores } from '../embedded/index.ts'

/** A real PostgreSQL and a real Redis. */
export interface Stores {
  databaseUrl: string
  redisUrl: string
  close: () => Promise<void>
}

/** Those that `DATABASE_URL` and `REDIS_URL` name, embedded ones where they name none. */
export async function openStores(env: NodeJS.ProcessEnv): Promise<Stores> {
  const { DATABASE_URL, REDIS_URL } = env
  if (DATABASE_URL && REDIS_URL)
    return { databaseUrl: DATABASE_URL, redisUrl: REDIS_URL, close: async () => undefined }

  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-bench-stores-'))
  const needed = { postgres: !DATABASE_URL, redis: !REDIS_URL, redisKind: 'server' as const }
  const embedded = await startEmbeddedStores({ dataDir, ...needed })
  const { databaseUrl = DATABASE_URL, redisUrl = REDIS_URL } = embedded
  if (!databaseUrl || !redisUrl) throw new Error('the embedded stores have no address')
  return {
    databaseUrl,
    redisUrl,
    async close() {
      await embedded.close()
      rmSync(dataDir, { recursive: true, force: true })
    }
  }
}
