import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
  }
}

export interface Metrics {
  registry: Registry
  /** Refreshes by verdict; of rotated and replayed also by kind: overlap, idempotency_key, roll_forward, … */
  refreshes: Counter<'verdict' | 'kind'>
  /** Requests that a store could not answer. */
  storeErrors: Counter<'store'>
  /** How nodes learned of ended sessions: themselves, by the channel, or late, from the record. */
  revocations: Counter<'learned_from'>
  securityEvents: Counter<'type'>
  /** Requests that were refused because there was too much to do, by what there was too much of. */
  requestsShed: Counter<'reason'>
  /** Attempts to deliver a webhook: delivered, failed (and tried again), given_up. */
  webhooks: Counter<'result'>
  mails: Counter<'result'>
  /**
   * A figure that is read when it is asked for.
   * @param ofWorkers what it is for all workers of a server together; a number of things adds up
   */
  gauge(name: string, help: string, read: () => number, ofWorkers?: 'sum' | 'max'): void
}

/** A registry that also says how the process is. */
function makeRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}

/**
 * Decorates `fastify.metrics`: counters of this instance, published by routes/metrics.ts.
 * @param options.registry one that the caller has, with whatever else is in it
 */
export default fp<{ registry?: Registry | undefined }>(
  async (fastify, { registry = makeRegistry() }) => {
    const registers = [registry]

    const latency = new Histogram({
      name: 'latchkey_request_duration_seconds',
      help: 'Time to answer, by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers
    })
    fastify.addHook('onResponse', (request, reply, done) => {
      const { method, url = 'none' } = request.routeOptions
      latency.observe(
        { method: String(method), route: url, status: reply.statusCode },
        reply.elapsedTime / 1000
      )
      done()
    })

    fastify.decorate('metrics', {
      registry,
      refreshes: new Counter({
        name: 'latchkey_refreshes_total',
        help: 'Refreshes by verdict and kind',
        labelNames: ['verdict', 'kind'],
        registers
      }),
      storeErrors: new Counter({
        name: 'latchkey_store_errors_total',
        help: 'Requests that a store could not answer',
        labelNames: ['store'],
        registers
      }),
      revocations: new Counter({
        name: 'latchkey_revocations_total',
        help: 'Ended sessions that this node heard of, by how',
        labelNames: ['learned_from'],
        registers
      }),
      securityEvents: new Counter({
        name: 'latchkey_security_events_total',
        help: 'Security events by type',
        labelNames: ['type'],
        registers
      }),
      requestsShed: new Counter({
        name: 'latchkey_requests_shed_total',
        help: 'Requests refused for there was too much to do',
        labelNames: ['reason'],
        registers
      }),
      mails: new Counter({
        name: 'latchkey_mails_total',
        help: 'Attempts to send a mail: sent, failed (it is tried again), given_up',
        labelNames: ['result'],
        registers
      }),
      webhooks: new Counter({
        name: 'latchkey_webhooks_total',
        help: 'Attempts to deliver a webhook by result',
        labelNames: ['result'],
        registers
      }),
      gauge(name, help, read, ofWorkers = 'sum') {
        new Gauge({
          name,
          help,
          registers,
          aggregator: ofWorkers,
          collect() {
            this.set(read())
          }
        })
      }
    })
  },
  { name: 'metrics' }
)
