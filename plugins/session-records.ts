import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import { batchedLookup } from '../lib/batched-lookup.ts'
import type { DeviceType } from '../lib/device-type.ts'
import { milliseconds } from '../lib/milliseconds.ts'
import { Problem } from '../lib/problem.ts'
import type { RevokedReason } from '../lib/session.ts'
import { accountDisabled, toUser, userColumnsOf, userDisabled, type UserRow } from '../lib/user.ts'
import type { Client } from '../schemas/common.ts'
import type { User } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessionRecords: SessionRecords
  }
}

/** A session as Postgres knows it, with its user's fresh claims. Times in ms. */
export interface SessionRecord {
  id: string
  client: Client
  device_id_hash: string | null
  amr: string[]
  authenticated_at: number
  expires_at: number
  revoked_reason: RevokedReason | null
  /** The last head that the journal wrote. */
  gen: number
  rotated_at: number
  refresh_expires_at: number
  idempotency_key_hash: string | null
  user: User
  user_disabled: boolean
}

export interface NewSession {
  id: string
  user_id: string
  client: Client
  device_id_hash: string | null
  device_type: DeviceType
  user_agent: string | null
  ip: string | null
  amr: string[]
  /** ms */
  rotated_at: number
  /** ms */
  refresh_expires_at: number
  /** ms */
  expires_at: number
}

/** A session as its owner sees it in a list. */
export interface ListedSession {
  id: string
  client: Client
  label: string | null
  user_agent: string | null
  ip: string | null
  created_at: string
  last_used_at: string
  expires_at: string
}

export interface EndedSession {
  id: string
  user_id: string
  revoked_reason: RevokedReason
}

export interface SessionRecords {
  /**
   * Writes a new session and ends what it replaces: sessions of the same device, and the least recently used
   * ones over a limit, all the excess. Exact however many sign in at once: they wait for each other at the user.
   * @param client inside a transaction
   * @param password_version of the password that was proved, where one was
   * @returns the sessions it ended, and whether its device was never seen with this user
   * @throws Problem account_disabled, or invalid_credentials where the password was changed since it was proved
   */
  insert(
    client: PoolClient,
    session: NewSession,
    password_version?: number
  ): Promise<{ ended: EndedSession[]; new_device: boolean }>
  /** The record of a session, whatever its state. All look-ups of one tick share a query. */
  find(sid: string): Promise<SessionRecord | undefined>
  /** The live sessions of a user, the last used first. */
  list(user_id: string): Promise<ListedSession[]>
  rename(user_id: string, sid: string, label: string | null): Promise<ListedSession | undefined>
  /** Ends sessions that are not ended yet, of one user where `user_id` is given. @returns those it ended */
  revoke(sids: readonly string[], reason: RevokedReason, user_id?: string): Promise<EndedSession[]>
  /**
   * Ends every session of a user but one.
   * @param transaction a client inside one, where it is to be one with what else happens there
   * @returns those it ended
   */
  revokeAll(
    user_id: string,
    reason: RevokedReason,
    except?: string,
    transaction?: PoolClient
  ): Promise<EndedSession[]>
  /** Makes a device known to be the user's, as a sign-in on it does. */
  rememberDevice(transaction: PoolClient, user_id: string, device_id_hash: string): Promise<void>
  /** Takes what tells of a person out of the sessions of a user, who is to be gone. */
  anonymize(user_id: string, transaction: PoolClient): Promise<void>
}

const listedColumns = 'id, client, label, user_agent, host(ip) AS ip, created_at, last_used_at, expires_at'

/** Decorates `fastify.sessionRecords`: the table `sessions`. */
export default fp(
  async (fastify) => {
    const { MAX_SESSIONS_PER_USER, SESSIONS_PER_DEVICE_TYPE } = fastify.configuration
    const find = batchedLookup<SessionRecord>(async (ids) => {
      const { rows } = await fastify.pg.query<SessionRow>({
        name: 'session records by id',
        text: `SELECT s.id AS sid, s.client, s.device_id_hash, s.amr,
                      ${milliseconds('s.authenticated_at')}, ${milliseconds('s.expires_at')},
                      s.revoked_reason, s.gen, ${milliseconds('s.rotated_at')},
                      ${milliseconds('s.refresh_expires_at')}, s.idempotency_key_hash,
                      ${userColumnsOf('u')},
                      ${userDisabled('u')} AS user_disabled
                 FROM sessions s JOIN users u ON u.id = s.user_id
                WHERE s.id = ANY($1)`,
        values: [ids]
      })
      return new Map(rows.map((row) => [row.sid, toRecord(row)]))
    })

    fastify.decorate('sessionRecords', {
      async insert(client, session, password_version) {
        const { rows: users } = await client.query<{
          disabled: boolean
          disabled_until: Date | null
          password_version: number
        }>(
          `SELECT ${userDisabled('users')} AS disabled, disabled_until, password_version
             FROM users WHERE id = $1 FOR NO KEY UPDATE`,
          [session.user_id]
        )
        if (users[0]?.disabled !== false) throw accountDisabled(users[0]?.disabled_until ?? null)
        if (password_version !== undefined && users[0].password_version !== password_version)
          throw new Problem(
            'invalid_credentials',
            'The password was changed meanwhile. Log in with the new one.'
          )

        const { rows: ended } = await client.query<EndedSession>({
          name: 'end replaced sessions',
          text: `WITH live AS (
                   SELECT id, device_id_hash = $2 AS same_device, device_type = $3 AS same_type,
                          row_number() OVER (ORDER BY last_used_at DESC, id DESC) AS place,
                          row_number() OVER (PARTITION BY device_type ORDER BY last_used_at DESC, id DESC) AS type_place
                     FROM sessions
                    WHERE user_id = $1 AND revoked_at IS NULL AND refresh_expires_at > now()
                 )
                 UPDATE sessions AS s SET revoked_at = now(),
                        revoked_reason = CASE WHEN live.same_device THEN 'device_replaced' ELSE 'session_cap' END
                   FROM live
                  WHERE s.id = live.id
                    AND (live.same_device OR live.place >= $4 OR ($5 > 0 AND live.same_type AND live.type_place >= $5))
              RETURNING s.id, s.user_id, s.revoked_reason`,
          values: [
            session.user_id,
            session.device_id_hash,
            session.device_type,
            MAX_SESSIONS_PER_USER,
            SESSIONS_PER_DEVICE_TYPE
          ]
        })

        const at = new Date(session.rotated_at)
        const { rows: devices } = await client.query<{ new_device: boolean }>({
          name: 'insert session',
          text: `WITH device AS (
                   INSERT INTO known_devices (user_id, device_id_hash, created_at, last_used_at)
                   SELECT $2, $4, $9, $9 WHERE $4::text IS NOT NULL
                       ON CONFLICT (user_id, device_id_hash) DO UPDATE SET last_used_at = excluded.last_used_at
                   -- A row that no transaction has updated is a new one.
                   RETURNING xmax = 0 AS new_device),
                 session AS (
                 INSERT INTO sessions (id, user_id, client, device_id_hash, device_type, user_agent, ip, amr,
                                       authenticated_at, created_at, last_used_at, expires_at, gen, rotated_at,
                                       refresh_expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, 1, $9, $11))
                 SELECT new_device FROM device`,
          values: [
            session.id,
            session.user_id,
            session.client,
            session.device_id_hash,
            session.device_type,
            session.user_agent,
            session.ip,
            session.amr,
            at,
            new Date(session.expires_at),
            new Date(session.refresh_expires_at)
          ]
        })
        return { ended, new_device: devices[0]?.new_device ?? false }
      },

      find,

      async list(user_id) {
        const { rows } = await fastify.pg.query<ListedRow>(
          `SELECT ${listedColumns} FROM sessions
            WHERE user_id = $1 AND revoked_at IS NULL AND refresh_expires_at > now()
            ORDER BY last_used_at DESC, id DESC`,
          [user_id]
        )
        return rows.map(toListed)
      },

      async rename(user_id, sid, label) {
        const { rows } = await fastify.pg.query<ListedRow>(
          `UPDATE sessions SET label = $3
            WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL AND refresh_expires_at > now()
        RETURNING ${listedColumns}`,
          [user_id, sid, label]
        )
        return rows[0] && toListed(rows[0])
      },

      async revoke(sids, reason, user_id) {
        const { rows } = await fastify.pg.query<EndedSession>(
          `UPDATE sessions SET revoked_at = now(), revoked_reason = $2
            WHERE id = ANY($1) AND ($3::uuid IS NULL OR user_id = $3) AND revoked_at IS NULL
        RETURNING id, user_id, revoked_reason`,
          [sids, reason, user_id ?? null]
        )
        return rows
      },

      async revokeAll(user_id, reason, except, transaction) {
        const { rows } = await (transaction ?? fastify.pg).query<EndedSession>(
          `UPDATE sessions SET revoked_at = now(), revoked_reason = $2
            WHERE user_id = $1 AND id IS DISTINCT FROM $3::uuid AND revoked_at IS NULL
        RETURNING id, user_id, revoked_reason`,
          [user_id, reason, except ?? null]
        )
        return rows
      },

      async rememberDevice(transaction, user_id, device_id_hash) {
        await transaction.query(
          `INSERT INTO known_devices (user_id, device_id_hash) VALUES ($1, $2)
               ON CONFLICT (user_id, device_id_hash) DO UPDATE SET last_used_at = excluded.last_used_at`,
          [user_id, device_id_hash]
        )
      },

      async anonymize(user_id, transaction) {
        await transaction.query(
          'UPDATE sessions SET device_id_hash = NULL, label = NULL, user_agent = NULL, ip = NULL WHERE user_id = $1',
          [user_id]
        )
      }
    })
  },
  { name: 'session-records', dependencies: ['postgres', 'migrations'] }
)

type SessionRow = UserRow & Omit<SessionRecord, 'id' | 'user'> & { sid: string }

function toRecord(row: SessionRow): SessionRecord {
  return {
    id: row.sid,
    client: row.client,
    device_id_hash: row.device_id_hash,
    amr: row.amr,
    authenticated_at: row.authenticated_at,
    expires_at: row.expires_at,
    revoked_reason: row.revoked_reason,
    gen: row.gen,
    rotated_at: row.rotated_at,
    refresh_expires_at: row.refresh_expires_at,
    idempotency_key_hash: row.idempotency_key_hash,
    user: toUser(row),
    user_disabled: row.user_disabled
  }
}

type ListedRow = Omit<ListedSession, ListedTime> & Record<ListedTime, Date>
type ListedTime = 'created_at' | 'last_used_at' | 'expires_at'

function toListed(row: ListedRow): ListedSession {
  return {
    ...row,
    created_at: row.created_at.toISOString(),
    last_used_at: row.last_used_at.toISOString(),
    expires_at: row.expires_at.toISOString()
  }
}
