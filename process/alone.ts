import closeWithGrace from 'close-with-grace'
import type { Configuration } from '../app.ts'
import { startMissingStores } from '../embedded/missing-stores.ts'
import { showBanner } from './banner.ts'
import { crashes } from './crashes.ts'
import { closeDelay } from './deadlines.ts'
import { makeHttpServer } from './http-server.ts'

/**
 * The server in this process, with the stores that it lacks, until a signal ends it.
 * @throws where it can not start
 */
export async function runAlone(configuration: Configuration): Promise<void> {
  const stores = await startMissingStores(configuration)
  const server = makeHttpServer(configuration, {
    given: { ...stores.input, ...(stores.redisClient ? { redisClient: stores.redisClient } : {}) },
    sharesPort: false
  })
  const close = async () => {
    await server.close()
    await stores.close()
  }

  // Not at the end of a start that failed, which would then pass for a success.
  const skip = ['beforeExit' as const, ...crashes]
  closeWithGrace({ delay: closeDelay, logger: false, skip }, async ({ signal, err }) => {
    if (err) server.log.fatal({ err }, 'closing after an error that nobody caught')
    else server.log.info({ signal }, 'closing: requests in flight are answered first')
    await close()
  })

  try {
    showBanner(configuration, await server.start(), stores.description)
  } catch (error) {
    await close()
    throw error
  }
}
