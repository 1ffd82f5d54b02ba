import closeWithGrace from 'close-with-grace'
import cluster from 'node:cluster'
import type { Configuration } from '../app.ts'
import { crashes } from './crashes.ts'
import { closeDelay } from './deadlines.ts'
import { makeHttpServer } from './http-server.ts'
import { tellPrimary, type FromPrimary } from './messages.ts'
import { WorkerRegistry } from './worker-registry.ts'

/**
 * The server in one of several processes that share its port, on the stores that the environment names. It ends
 * when the primary says so, when it is gone, or by a signal of its own.
 * @throws where it can not start
 */
export async function runWorker(configuration: Configuration): Promise<void> {
  const registry = new WorkerRegistry()
  const server = makeHttpServer(configuration, { given: { metricsRegistry: registry }, sharesPort: true })

  // Each of these may come beside another: a signal to a whole group of processes reaches the primary too, which
  // then says the same. Second ones must not cut the first short.
  const skip = ['beforeExit', 'SIGHUP', 'SIGINT', 'SIGTERM', ...crashes] as const
  const grace = closeWithGrace({ delay: closeDelay, logger: false, skip: [...skip] }, async ({ err }) => {
    if (err) server.log.fatal({ err }, 'closing after an error that nobody caught')
    await server.close()
    await tellPrimary({ type: 'report', report: await registry.getMetricsAsJSON() })
  })
  let closing = false
  const close = (reason: string) => {
    if (closing) return
    closing = true
    server.log.info({ reason }, 'closing: requests in flight are answered first')
    void grace.close()
  }
  process.on('SIGTERM', close)
  process.on('SIGINT', close)
  // The primary's, which replaces us.
  process.on('SIGHUP', () => undefined)
  process.on('message', (message: FromPrimary) => {
    if (message.type === 'close') close('the primary says so')
    if (message.type === 'report') void registry.report()
    if (message.type === 'scraped') registry.answer(message)
  })
  const { worker } = cluster
  worker?.on('disconnect', () => {
    // A primary that does not wait for us.
    if (closing) process.exit(1)
    // Or Node would end us at once.
    worker.exitedAfterDisconnect = true
    close('the primary is gone')
  })

  const listening = await server.start()
  await tellPrimary({ type: 'ready', ...listening })
}
