import fp from 'fastify-plugin'
import { v7 as uuidv7 } from 'uuid'
import { decodeCursor, encodeCursor, pageOf } from '../lib/cursor.ts'
import type { AuditEvent, EventPage } from '../schemas/admin.ts'

declare module 'fastify' {
  interface FastifyInstance {
    auditLog: AuditLog
  }
}

export interface EventFilter {
  limit: number
  cursor?: string | undefined
  user_id?: string | undefined
  actor_id?: string | undefined
  type?: string | undefined
  /** RFC 3339 */
  since?: string | undefined
}

export interface AuditLog {
  /**
   * A page of the security events, the newest first. Those of other nodes come about a second after what they tell of,
   * in their place by time.
   * @throws Problem invalid_request for a cursor of something else
   */
  list(filter: EventFilter): Promise<EventPage>
  /** What is kept of a person: what happened to the account and what they did, but not where others did it from. */
  ofPerson(id: string): Promise<Omit<AuditEvent, 'user_id' | 'actor_id'>[]>
}

const cursorShape = /^([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/

/** The least id that is made in or after that ms (RFC 9562 §5.7): ids are times, and indexed. */
const leastIdOf = (since: string) => uuidv7({ msecs: Date.parse(since), seq: 0, random: new Uint8Array(16) })

/** Decorates `fastify.auditLog`: reads the table `security_events`, which plugins/security-events.ts writes. */
export default fp(
  async (fastify) => {
    const { securityEvents } = fastify

    fastify.decorate('auditLog', {
      async list({ limit, cursor, user_id, actor_id, type, since }) {
        const [before] = cursor === undefined ? [] : decodeCursor(cursor, cursorShape)
        await securityEvents.flush()
        const { rows } = await fastify.pg.query<AuditRow>(
          `SELECT id, type, user_id, sid AS session_id, actor, actor_id, reason, details, host(ip) AS ip, user_agent,
                  created_at
             FROM security_events
            WHERE ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR user_id = $3)
              AND ($4::uuid IS NULL OR actor_id = $4) AND ($5::text IS NULL OR type = $5)
              AND ($6::uuid IS NULL OR id >= $6)
            ORDER BY id DESC LIMIT $1`,
          [
            ...[limit + 1, before, user_id, actor_id, type],
            since === undefined ? undefined : leastIdOf(since)
          ]
        )
        const { page, next_cursor } = pageOf(rows, limit, ({ id }) => encodeCursor(id))
        return { events: page.map(withTime), next_cursor }
      },

      async ofPerson(id) {
        await securityEvents.flush()
        const { rows } = await fastify.pg.query<Omit<AuditRow, 'user_id' | 'actor_id'>>(
          `SELECT id, type, sid AS session_id, actor, reason, details, created_at,
                  CASE WHEN actor IS NULL OR actor_id = $1 THEN host(ip) END AS ip,
                  CASE WHEN actor IS NULL OR actor_id = $1 THEN user_agent END AS user_agent
             FROM security_events WHERE user_id = $1 OR actor_id = $1 ORDER BY id`,
          [id]
        )
        return rows.map(withTime)
      }
    })
  },
  { name: 'audit-log', dependencies: ['postgres', 'migrations', 'security-events'] }
)

type AuditRow = Omit<AuditEvent, 'created_at'> & { created_at: Date }

const withTime = <Row extends { created_at: Date }>(row: Row) => ({
  ...row,
  created_at: row.created_at.toISOString()
})
