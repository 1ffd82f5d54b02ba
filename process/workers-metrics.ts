import type { Worker } from 'node:cluster'
import { setTimeout } from 'node:timers/promises'
import { AggregatorRegistry } from 'prom-client'
import type { FromWorker, Report } from './messages.ts'

/** ms that a worker has for its report; of one that is late, the last one counts. */
const reportWithin = 1000

export interface WorkersMetrics {
  /** @param end resolves once the worker is gone and has been heard to the end */
  follow(worker: Worker, end: Promise<unknown>): void
  /** The metrics of the workers, and the counters of those that are gone, in Prometheus's format. */
  collect(workers: Worker[]): Promise<string>
}

/**
 * Adds up the metrics of workers. A counter that fell when a worker ends would be taken for one that started
 * anew, and all it ever counted for new: so what ended workers have counted is kept.
 */
export function followMetrics(): WorkersMetrics {
  const latest = new Map<Worker, Report>()
  let ended: Promise<Report> = Promise.resolve([])

  const reported = (worker: Worker) =>
    new Promise<void>((resolve) => {
      const look = ({ type }: FromWorker) => {
        if (type !== 'report') return
        worker.off('message', look)
        resolve()
      }
      worker.on('message', look)
      worker.send({ type: 'report' }, () => undefined)
    })

  return {
    follow(worker, end) {
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'report') latest.set(worker, message.report)
      })
      void end.then(() => {
        // A text, whatever the types of prom-client say.
        const counted = (latest.get(worker) ?? []).filter(({ type }) => String(type) !== 'gauge')
        latest.delete(worker)
        ended = ended.then((sum) => AggregatorRegistry.aggregate([sum, counted]).getMetricsAsJSON())
      })
    },
    async collect(workers) {
      const late = setTimeout(reportWithin, undefined, { ref: false })
      await Promise.all(workers.map((worker) => Promise.race([reported(worker), late])))
      return AggregatorRegistry.aggregate([...latest.values(), await ended]).metrics()
    }
  }
}
