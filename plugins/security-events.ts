import fp from 'fastify-plugin'
import { v7 as uuidv7 } from 'uuid'
import type { RequestOrigin, RevokedReason } from '../lib/session.ts'
import { createWriteBehind } from '../lib/write-behind.ts'

declare module 'fastify' {
  interface FastifyInstance {
    securityEvents: SecurityEvents
  }
}

/** Events that someone should look at are warnings in the log. */
const levels = {
  signup: 'info',
  login_succeeded: 'info',
  login_failed: 'warn',
  session_revoked: 'info',
  refresh_token_reused: 'warn',
  access_token_reused: 'warn',
  refresh_replayed_from_other_network: 'warn',
  device_changed: 'warn',
  reauthenticated: 'info',
  reauthentication_failed: 'warn',
  password_changed: 'info',
  password_reset_requested: 'info',
  email_verified: 'info',
  email_change_requested: 'warn',
  email_changed: 'warn',
  account_created: 'info',
  account_deleted: 'info',
  account_disabled: 'warn',
  account_enabled: 'warn',
  role_changed: 'warn'
} as const

export interface SecurityEvent extends Partial<RequestOrigin> {
  type: keyof typeof levels
  user_id?: string | null
  sid?: string
  reason?: RevokedReason
}

export interface SecurityEvents {
  /** Logs an event at once and writes it to Postgres behind the answer. Must hold no secret. */
  record(event: SecurityEvent): void
  /** What was recorded of a session, oldest first. Writes what is noted first. @throws StoreUnavailable */
  ofSession(user_id: string, sid: string): Promise<RecordedEvent[]>
}

export interface RecordedEvent {
  type: SecurityEvent['type']
  reason: RevokedReason | null
  ip: string | null
  user_agent: string | null
  created_at: Date
}

/** Events kept while Postgres is away; the log has them all. */
const limit = 10_000

/** Decorates `fastify.securityEvents`: the table `security_events`, and a log line each. */
export default fp(
  async (fastify) => {
    const queue = createWriteBehind<SecurityEvent & { id: string; created_at: Date }>({
      limit,
      async write(events) {
        await fastify.pg.query({
          name: 'write security events',
          text: `INSERT INTO security_events (id, type, user_id, sid, reason, ip, user_agent, created_at)
                 SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::inet[],
                                      $7::text[], $8::timestamptz[])
                     ON CONFLICT (id) DO NOTHING`,
          values: [
            events.map(({ id }) => id),
            events.map(({ type }) => type),
            events.map(({ user_id }) => user_id),
            events.map(({ sid }) => sid),
            events.map(({ reason }) => reason),
            events.map(({ ip }) => ip),
            events.map(({ user_agent }) => user_agent),
            events.map(({ created_at }) => created_at)
          ]
        })
      },
      onChange({ error, ...state }) {
        fastify.log.warn({ err: error, ...state }, 'security events to Postgres')
      }
    })
    fastify.addHook('onClose', () => queue.close())
    fastify.metrics.gauge(
      'latchkey_security_events_dropped',
      'Security events that only the log has, because Postgres was away',
      () => queue.dropped
    )

    fastify.decorate('securityEvents', {
      record(event) {
        fastify.log[levels[event.type]]({ security_event: event }, `security event: ${event.type}`)
        fastify.metrics.securityEvents.inc({ type: event.type })
        const id = uuidv7()
        queue.note(id, { ...event, id, created_at: new Date() })
      },
      async ofSession(user_id, sid) {
        await queue.flush()
        const { rows } = await fastify.pg.query<RecordedEvent>({
          name: 'security events of a session',
          text: `SELECT type, reason, host(ip) AS ip, user_agent, created_at
                   FROM security_events WHERE user_id = $1 AND sid = $2 ORDER BY id`,
          values: [user_id, sid]
        })
        return rows
      }
    })
  },
  { name: 'security-events', dependencies: ['postgres', 'migrations', 'metrics'] }
)
