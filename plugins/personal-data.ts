import fp from 'fastify-plugin'
import type { RequestOrigin } from '../lib/session.ts'
import { userNotFound } from '../lib/user.ts'
import type { PersonalData } from '../schemas/admin.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * All that is kept of a person, but hashes: GDPR Art. 15 and 20.
     * @throws Problem user_not_found
     */
    exportPersonalData(id: string, by: RequestOrigin): Promise<PersonalData>
  }
}

/** Decorates `fastify.exportPersonalData`. A table that comes to hold something of a person has to be named here. */
export default fp(
  async (fastify) => {
    const { userDirectory, auditLog, securityEvents } = fastify

    fastify.decorate('exportPersonalData', async (id, by) => {
      const user = await userDirectory.find(id)
      if (!user) throw userNotFound()
      securityEvents.record({ ...by, type: 'personal_data_exported', user_id: id })
      const [sessions, devices, security_events] = await Promise.all([
        fastify.pg.query<Row<PersonalData['sessions'][number]>>(
          `SELECT id, client, label, device_type, user_agent, host(ip) AS ip, amr, created_at, authenticated_at,
                  last_used_at, expires_at, revoked_at, revoked_reason
             FROM sessions WHERE user_id = $1 ORDER BY id`,
          [id]
        ),
        fastify.pg.query<Row<PersonalData['known_devices'][number]>>(
          'SELECT created_at, last_used_at FROM known_devices WHERE user_id = $1 ORDER BY created_at',
          [id]
        ),
        auditLog.ofPerson(id)
      ])
      return {
        exported_at: new Date().toISOString(),
        user,
        sessions: sessions.rows.map((row) => ({
          ...row,
          created_at: row.created_at.toISOString(),
          authenticated_at: row.authenticated_at.toISOString(),
          last_used_at: row.last_used_at.toISOString(),
          expires_at: row.expires_at.toISOString(),
          revoked_at: row.revoked_at?.toISOString() ?? null
        })),
        known_devices: devices.rows.map((row) => ({
          created_at: row.created_at.toISOString(),
          last_used_at: row.last_used_at.toISOString()
        })),
        security_events
      }
    })
  },
  { name: 'personal-data', dependencies: ['user-directory', 'audit-log', 'security-events'] }
)

/** As pg reads it: times are Dates. */
type Row<Shape> = {
  [Name in keyof Shape]: Name extends 'revoked_at'
    ? Date | null
    : Name extends `${string}_at`
      ? Date
      : Shape[Name]
}
