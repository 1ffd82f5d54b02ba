import closeWithGrace from 'close-with-grace'
import PQueue from 'p-queue'
import { pino } from 'pino'
import type { Configuration } from '../app.ts'
import { startMissingStores } from '../embedded/missing-stores.ts'
import { findRedisServer } from '../embedded/redis.ts'
import { ConfigurationError } from '../lib/configuration-error.ts'
import { showBanner } from './banner.ts'
import { crashes } from './crashes.ts'
import { primaryCloseDelay } from './deadlines.ts'
import { startWorkers } from './workers.ts'

/**
 * Runs workers that share the port, with the stores that they lack, until a signal ends it. SIGHUP replaces the
 * workers one by one, with the settings that the file `.env` then has.
 * @throws where no worker can start
 */
export async function runPrimary(configuration: Configuration): Promise<void> {
  refuseLonelyRedis(configuration)
  const stores = await startMissingStores(configuration)
  const log = pino({ level: configuration.LOG_LEVEL })
  const environment = { ...stores.input, WORKERS: String(configuration.WORKERS) }
  const workers = startWorkers(configuration.WORKERS, environment, log)
  const close = async () => {
    try {
      await workers.close()
    } finally {
      await stores.close()
    }
  }

  // At a terminal it means that the terminal is gone.
  const restarts = process.stdout.isTTY ? [] : ['SIGHUP' as const]
  const skip = ['beforeExit' as const, ...crashes, ...restarts]
  closeWithGrace({ delay: primaryCloseDelay, logger: false, skip }, async ({ signal, err }) => {
    if (err) log.fatal({ err }, 'closing after an error that nobody caught')
    else log.info({ signal }, 'closing: requests in flight are answered first')
    await close()
  })
  const queue = new PQueue({ concurrency: 1 })
  for (const signal of restarts) {
    process.on(signal, () => {
      // One that waits to begin does for all that are asked for until then.
      if (queue.size === 0) void queue.add(() => workers.restart())
    })
  }

  try {
    showBanner(configuration, await workers.ready, stores.description)
  } catch (error) {
    await close()
    throw error
  }
}

/** A Redis in the memory of one process, where there is more than one. */
function refuseLonelyRedis({ WORKERS, REDIS_URL, EMBEDDED_REDIS }: Configuration): void {
  const kind = EMBEDDED_REDIS ?? (findRedisServer() ? 'server' : 'memory')
  if (REDIS_URL !== undefined || kind !== 'memory') return
  throw new ConfigurationError([
    `WORKERS: ${String(WORKERS)} processes cannot share a Redis in the memory of one; set REDIS_URL, install redis-server or valkey-server, or set WORKERS=1`
  ])
}
