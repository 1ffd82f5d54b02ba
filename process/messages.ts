import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import type { Listening } from './http-server.ts'

/** All metrics of a worker at a moment. */
export type Report = MetricObjectWithValues<MetricValue<string>>[]

/** What a worker tells the primary. */
export type FromWorker =
  | ({ type: 'ready' } & Listening)
  /** It can not start, and ends. The reason is for people. */
  | { type: 'failed'; reason: string }
  /** Its metrics, as it was asked for them, or as they are at its end. */
  | { type: 'report'; report: Report }
  /** Somebody wants the metrics of all workers. */
  | { type: 'scrape'; id: number }

/** What the primary tells a worker. */
export type FromPrimary =
  | { type: 'close' }
  | { type: 'report' }
  /** The answer to a scrape, in Prometheus's format. */
  | { type: 'scraped'; id: number; text: string }

/** Resolves once it is on its way. Where the primary is gone, nobody needs to know. */
export async function tellPrimary(message: FromWorker): Promise<void> {
  await new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, resolve)
    else resolve(undefined)
  })
}
