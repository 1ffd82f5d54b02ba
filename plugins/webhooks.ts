import fp from 'fastify-plugin'
import { pauseAfter, signedHeaders, type WebhookMessage } from '../lib/webhook.ts'

declare module 'fastify' {
  interface FastifyInstance {
    webhooks: Webhooks
  }
}

export interface WebhookRow {
  id: string
  type: string
  created_at: Date
  attempts: number
  /** null where it was given up. */
  due_at: Date | null
  last_error: string | null
}

export interface Webhooks {
  /** Whether there is a receiver. */
  enabled: boolean
  /**
   * Sends a message now, and once.
   * @returns the status of the answer; redirects are not followed
   * @throws where there is no answer within 10 s
   */
  send(message: WebhookMessage): Promise<number>
  /** Sends all that is due, as it does by itself once a second. Each message by one node only. */
  deliver(): Promise<void>
  /** What was not delivered, oldest first, at most 100. */
  undelivered(): Promise<WebhookRow[]>
}

/** ms from one look for what is due to the next. */
const interval = 1000

/** ms for an answer. */
const deadline = 10_000

/** Messages of a node that are under way at the same time. */
const batch = 10

/**
 * Seconds for which a message is a node's own, before another takes it for lost: longer than all that the node does
 * about it.
 */
const lease = 60

/** What went wrong, without the URL, which may hold a secret. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer'
  if (error.name === 'TimeoutError') return `no answer within ${String(deadline / 1000)} s`
  const { cause } = error
  return cause instanceof Error && 'code' in cause ? `no answer: ${String(cause.code)}` : 'no answer'
}

/**
 * Decorates `fastify.webhooks`: sends what the table `webhooks` holds, at least once, until it is answered with 2xx.
 * Does NOT write to it: plugins/security-events.ts does, together with the event.
 */
export default fp(
  async (fastify) => {
    const { WEBHOOK_URL: url, WEBHOOK_SECRET: secrets } = fastify.configuration
    const closing = new AbortController()

    const send = async (message: WebhookMessage) => {
      if (url === undefined) throw new Error('WEBHOOK_URL is not set')
      const { status, body } = await fetch(url, {
        method: 'POST',
        headers: signedHeaders(message, secrets, new Date()),
        body: message.payload,
        redirect: 'manual',
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(deadline)])
      })
      await body?.cancel()
      return status
    }

    const take = async () => {
      const { rows } = await fastify.pg.query<WebhookMessage & { attempts: number }>({
        name: 'take due webhooks',
        text: `UPDATE webhooks SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
                WHERE id IN (SELECT id FROM webhooks WHERE due_at <= now()
                              ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING id, type, payload, attempts`,
        values: [batch, lease]
      })
      return rows
    }

    /** @param pause seconds; undefined gives the message up */
    const putOff = (id: string, pause: number | undefined, reason: string) =>
      fastify.pg.query({
        name: 'put off a webhook',
        text: `UPDATE webhooks SET due_at = now() + make_interval(secs => $2), last_error = $3
                WHERE id = $1 AND delivered_at IS NULL`,
        values: [id, pause, reason]
      })

    const deliverOne = async ({ attempts, ...message }: WebhookMessage & { attempts: number }) => {
      const { id, type } = message
      const status = await send(message).catch(describe)
      if (typeof status === 'number' && status >= 200 && status < 300) {
        fastify.metrics.webhooks.inc({ result: 'delivered' })
        await fastify.pg.query({
          name: 'a webhook is delivered',
          text: 'UPDATE webhooks SET due_at = NULL, delivered_at = now(), last_error = NULL WHERE id = $1',
          values: [id]
        })
        return
      }
      // Not the receiver's fault: whichever node is next sends it.
      if (closing.signal.aborted) {
        await putOff(id, 0, 'the server was stopped')
        return
      }
      const reason = typeof status === 'number' ? `answered ${String(status)}` : status
      // Standard Webhooks: 410 Gone wants no more of it.
      const pause = status === 410 ? undefined : pauseAfter(attempts)
      await putOff(id, pause, reason)
      fastify.metrics.webhooks.inc({ result: pause === undefined ? 'given_up' : 'failed' })
      const told = { webhook: { id, type, attempts }, reason }
      if (pause === undefined) fastify.log.error(told, 'a webhook is given up')
      else fastify.log.warn(told, 'a webhook was not delivered, and is tried again')
    }

    const deliver = async () => {
      let taken = batch
      while (taken === batch && !closing.signal.aborted) {
        const messages = await take()
        taken = messages.length
        await Promise.all(messages.map(deliverOne))
      }
    }

    if (url !== undefined) {
      let running: Promise<void> | undefined
      const timer = setInterval(() => {
        running ??= deliver()
          .catch((error: unknown) => {
            fastify.log.warn({ err: error }, 'webhooks are put off')
          })
          .finally(() => {
            running = undefined
          })
      }, interval)
      timer.unref()
      fastify.addHook('onClose', async () => {
        clearInterval(timer)
        closing.abort()
        await running
      })
    }

    fastify.decorate('webhooks', {
      enabled: url !== undefined,
      send,
      deliver,
      async undelivered() {
        const { rows } = await fastify.pg.query<WebhookRow>(
          `SELECT id, type, created_at, attempts, due_at, last_error
             FROM webhooks WHERE delivered_at IS NULL ORDER BY created_at LIMIT 100`
        )
        return rows
      }
    })
  },
  { name: 'webhooks', dependencies: ['postgres', 'migrations', 'metrics'] }
)
