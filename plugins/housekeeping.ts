import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    housekeeping: Housekeeping
  }
}

export interface Housekeeping {
  /**
   * Removes what is over, in small batches, unless another node is at it.
   * @returns how many rows it was
   */
  run(): Promise<number>
}

/** ms from one round to the next. */
const interval = 60_000

/** Rows that one transaction removes: short enough to be in nobody's way. */
const batch = 1000

/**
 * Days for which a session that is over can still be told apart from one that never was. A row that is gone
 * is refused like a revoked one.
 */
const sessionRetention = 7

/** Days: the life of the cookie that names a browser. */
const knownDeviceRetention = 400

/** Days for which a mail is kept: in the development outbox, or while it can not be sent. */
const mailRetention = 2

/** Hours for which a renewed access token is refused: it lives for half an hour at most. */
const renewedTokenRetention = 2

/** Days for which webhooks that were delivered, or given up, can be looked at. */
const webhookRetention = 7

/**
 * Decorates `fastify.housekeeping`: removes expired and ended sessions, renewed access tokens, devices not seen
 * for long, mails and their tokens that are over, old security events, webhooks that are over, and what signing keys
 * that are over still hold.
 */
export default fp(
  async (fastify) => {
    const { SECURITY_EVENT_RETENTION } = fastify.configuration
    let closing = false

    const removals = [
      {
        text: `DELETE FROM sessions WHERE id IN (
                 SELECT id FROM sessions
                  WHERE refresh_expires_at < now() - make_interval(days => $1)
                     OR revoked_at < now() - make_interval(days => $1)
                  LIMIT $2 FOR UPDATE SKIP LOCKED)`,
        values: [sessionRetention, batch]
      },
      {
        text: `DELETE FROM renewed_access_tokens WHERE jti IN (
                 SELECT jti FROM renewed_access_tokens
                  WHERE renewed_at < now() - make_interval(hours => $1) LIMIT $2)`,
        values: [renewedTokenRetention, batch]
      },
      {
        text: `DELETE FROM known_devices WHERE (user_id, device_id_hash) IN (
                 SELECT user_id, device_id_hash FROM known_devices
                  WHERE last_used_at < now() - make_interval(days => $1) LIMIT $2)`,
        values: [knownDeviceRetention, batch]
      },
      {
        text: `DELETE FROM mails WHERE id IN (
                 SELECT id FROM mails WHERE created_at < now() - make_interval(days => $1) LIMIT $2)`,
        values: [mailRetention, batch]
      },
      ...['email_tokens', 'pending_signups'].map((table) => ({
        text: `DELETE FROM ${table} WHERE token_hash IN (
                 SELECT token_hash FROM ${table} WHERE expires_at < now() LIMIT $1)`,
        values: [batch]
      })),
      {
        text: `DELETE FROM security_events WHERE id IN (
                 SELECT id FROM security_events WHERE created_at < now() - make_interval(secs => $1) LIMIT $2)`,
        values: [SECURITY_EVENT_RETENTION, batch]
      },
      {
        text: `DELETE FROM webhooks WHERE id IN (
                 SELECT id FROM webhooks
                  WHERE due_at IS NULL AND created_at < now() - make_interval(days => $1) LIMIT $2)`,
        values: [webhookRetention, batch]
      }
    ]

    const removeBatch = (query: { text: string; values: number[] }) =>
      fastify.pg.transact(async (client) => {
        // One node at a time; the lock goes with the transaction, also when the node dies.
        const { rows } = await client.query<{ locked: boolean }>(
          `SELECT pg_try_advisory_xact_lock(hashtext('latchkey housekeeping')) AS locked,
                  set_config('latchkey.security_event_retention', $1, true)`,
          // Without it, security_events gives no row away.
          [String(SECURITY_EVENT_RETENTION)]
        )
        if (!rows[0]?.locked) return 0
        const { rowCount } = await client.query(query)
        return rowCount ?? 0
      })

    const run = async () => {
      let removed = await fastify.signingKeyRecords.erase()
      for (const removal of removals) {
        let last = batch
        while (last === batch && !closing) {
          last = await removeBatch(removal)
          removed += last
        }
      }
      if (removed > 0) fastify.log.info({ removed }, 'housekeeping')
      return removed
    }

    let running: Promise<unknown> = Promise.resolve()
    const timer = setInterval(() => {
      running = run().catch((error: unknown) => {
        fastify.log.warn({ err: error }, 'housekeeping is put off')
      })
    }, interval)
    timer.unref()
    fastify.addHook('onClose', async () => {
      closing = true
      clearInterval(timer)
      await running
    })

    fastify.decorate('housekeeping', { run })
  },
  { name: 'housekeeping', dependencies: ['postgres', 'migrations', 'signing-key-records'] }
)
