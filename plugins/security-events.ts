import fp from 'fastify-plugin'
import type { ClientBase } from 'pg'
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
  password_reset_requested: 'info',
  email_verified: 'info',
  email_change_requested: 'warn',
  email_changed: 'warn',
  account_created: 'info',
  account_updated: 'info',
  account_deleted: 'info',
  account_disabled: 'warn',
  account_enabled: 'warn',
  role_changed: 'warn',
  personal_data_exported: 'info'
} as const

/** Those that webhooks tell of, and by which names. A sign-up is a user and a session. */
const webhookTypes: Partial<Record<keyof typeof levels, string[]>> = {
  signup: ['user.created', 'session.created'],
  account_created: ['user.created'],
  account_disabled: ['user.disabled'],
  account_enabled: ['user.enabled'],
  account_deleted: ['user.deleted'],
  account_updated: ['user.updated'],
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
  /** What was changed. Never what tells of the person. */
  details?: { from: string; to: string } | { disabled_until: string | null } | { fields: string[] }
}

export interface SecurityEvents {
  /** Logs an event at once and writes it to Postgres behind the answer, with its webhooks. Must hold no secret. */
  record(event: SecurityEvent): void
  /**
   * The same for what an audit has to know of: written in the transaction that does it, so that there is never the one
   * without the other.
   */
  recordWith(transaction: ClientBase, event: SecurityEvent): Promise<void>
  /** Takes out of the events from where a person acted, who is to be gone. Those that are yet to be written follow. */
  anonymize(user_id: string, transaction: ClientBase): Promise<void>
  /** Writes what is noted. Never throws. */
  flush(): Promise<void>
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

    const write = async (client: Pick<ClientBase, 'query'>, events: readonly NotedEvent[]) => {
      const webhooks = events.flatMap(({ created_at, webhooks }) =>
        webhooks.map((webhook) => ({ ...webhook, created_at }))
      )
      await client.query({
        name: 'write security events',
        // One statement: an event is never there without its webhooks, nor they without it.
        // Of whoever is gone by now it is not written from where they acted. Whoever is about to go waits until it is
        // written, and then takes it out.
        text: `WITH people AS (SELECT id FROM users WHERE id = ANY($11) FOR KEY SHARE),
               recorded AS (
               INSERT INTO security_events (id, type, user_id, sid, reason, actor, actor_id, details, created_at,
                                            ip, user_agent)
               SELECT e.id, e.type, e.user_id, e.sid, e.reason, e.actor, e.actor_id, e.details, e.created_at,
                      CASE WHEN e.person IS NULL OR people.id IS NOT NULL THEN e.ip END,
                      CASE WHEN e.person IS NULL OR people.id IS NOT NULL THEN e.user_agent END
                 FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::uuid[],
                             $8::jsonb[], $9::inet[], $10::text[], $11::uuid[], $12::timestamptz[])
                   AS e (id, type, user_id, sid, reason, actor, actor_id, details, ip, user_agent, person, created_at)
                 LEFT JOIN people ON people.id = e.person
                   ON CONFLICT (id) DO NOTHING)
               INSERT INTO webhooks (id, type, payload, created_at, due_at)
               SELECT id, type, payload, created_at, now()
                 FROM unnest($13::uuid[], $14::text[], $15::text[], $16::timestamptz[])
                   AS webhook (id, type, payload, created_at)
                   ON CONFLICT (id) DO NOTHING`,
        values: [
          events.map(({ id }) => id),
          events.map(({ type }) => type),
          events.map(({ user_id }) => user_id),
          events.map(({ sid }) => sid),
          events.map(({ reason }) => reason),
          events.map(({ actor }) => actor),
          events.map(({ actor_id }) => actor_id),
          events.map(({ details }) => details && JSON.stringify(details)),
          events.map(({ ip }) => ip),
          events.map(({ user_agent }) => user_agent),
          // Who it was that came from there.
          events.map(({ actor, actor_id, user_id }) => (actor ? actor_id : user_id)),
          events.map(({ created_at }) => created_at),
          webhooks.map(({ id }) => id),
          webhooks.map(({ type }) => type),
          webhooks.map(({ payload }) => payload),
          webhooks.map(({ created_at }) => created_at)
        ]
      })
    }

    const announce = (event: SecurityEvent): NotedEvent => {
      fastify.log[levels[event.type]]({ security_event: event }, `security event: ${event.type}`)
      fastify.metrics.securityEvents.inc({ type: event.type })
      const dated = { ...event, id: uuidv7(), created_at: new Date() }
      return { ...dated, webhooks: webhooksOf(dated) }
    }

    const queue = createWriteBehind<NotedEvent>({
      limit,
      write: (events) => write(fastify.pg, events),
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
        const noted = announce(event)
        queue.note(noted.id, noted)
      },
      async recordWith(transaction, event) {
        await write(transaction, [announce(event)])
      },
      async anonymize(user_id, transaction) {
        await transaction.query(
          `UPDATE security_events SET ip = NULL, user_agent = NULL
            WHERE (user_id = $1 AND actor IS NULL) OR actor_id = $1`,
          [user_id]
        )
      },
      flush: () => queue.flush(),
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
