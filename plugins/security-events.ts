import fp from 'fastify-plugin'
import { v7 as uuidv7 } from 'uuid'
import type { RequestOrigin, RevokedReason } from '../lib/session.ts'
import { makeMessage, type WebhookMessage } from '../lib/webhook.ts'
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
  too_many_attempts: 'warn',
  account_created: 'info',
  account_deleted: 'info',
  account_disabled: 'warn',
  account_enabled: 'warn',
  profile_changed: 'info',
  role_changed: 'warn'
} as const

/** Those that webhooks tell of, and by which names. A sign-up is a user and a session. */
const webhookTypes: Partial<Record<keyof typeof levels, string[]>> = {
  signup: ['user.created', 'session.created'],
  account_created: ['user.created'],
  account_disabled: ['user.disabled'],
  account_enabled: ['user.enabled'],
  account_deleted: ['user.deleted'],
  profile_changed: ['user.updated'],
  password_changed: ['user.password_changed'],
  role_changed: ['user.updated'],
  login_succeeded: ['session.created'],
  session_revoked: ['session.ended']
}

export interface SecurityEvent extends Partial<RequestOrigin> {
  type: keyof typeof levels
  user_id?: string | null
  sid?: string
  reason?: RevokedReason
}

export interface SecurityEvents {
  /** Logs an event at once and writes it to Postgres behind the answer, with its webhooks. Must hold no secret. */
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

interface NotedEvent extends SecurityEvent {
  id: string
  created_at: Date
  webhooks: WebhookMessage[]
}

/** Events kept while Postgres is away; the log has them all. */
const limit = 10_000

/** Decorates `fastify.securityEvents`: the table `security_events`, and a log line each. */
export default fp(
  async (fastify) => {
    const webhooksOf = ({ type, user_id, sid, reason, created_at }: SecurityEvent & { created_at: Date }) =>
      (fastify.webhooks.enabled ? (webhookTypes[type] ?? []) : []).map((name) =>
        makeMessage(uuidv7(), name, created_at, {
          user_id: user_id ?? undefined,
          session_id: name.startsWith('session.') ? sid : undefined,
          reason
        })
      )

    const queue = createWriteBehind<NotedEvent>({
      limit,
      async write(events) {
        const webhooks = events.flatMap(({ created_at, webhooks }) =>
          webhooks.map((webhook) => ({ ...webhook, created_at }))
        )
        await fastify.pg.query({
          name: 'write security events',
          // One statement: an event is never there without its webhooks, nor they without it.
          text: `WITH recorded AS (
                   INSERT INTO security_events (id, type, user_id, sid, reason, ip, user_agent, created_at)
                   SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::inet[],
                                        $7::text[], $8::timestamptz[])
                       ON CONFLICT (id) DO NOTHING)
                 INSERT INTO webhooks (id, type, payload, created_at, due_at)
                 SELECT id, type, payload, created_at, now()
                   FROM unnest($9::uuid[], $10::text[], $11::text[], $12::timestamptz[])
                     AS webhook (id, type, payload, created_at)
                     ON CONFLICT (id) DO NOTHING`,
          values: [
            events.map(({ id }) => id),
            events.map(({ type }) => type),
            events.map(({ user_id }) => user_id),
            events.map(({ sid }) => sid),
            events.map(({ reason }) => reason),
            events.map(({ ip }) => ip),
            events.map(({ user_agent }) => user_agent),
            events.map(({ created_at }) => created_at),
            webhooks.map(({ id }) => id),
            webhooks.map(({ type }) => type),
            webhooks.map(({ payload }) => payload),
            webhooks.map(({ created_at }) => created_at)
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
        const dated = { ...event, id, created_at: new Date() }
        queue.note(id, { ...dated, webhooks: webhooksOf(dated) })
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
  { name: 'security-events', dependencies: ['postgres', 'migrations', 'metrics', 'webhooks'] }
)
