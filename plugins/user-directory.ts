import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import { decodeCursor, encodeCursor, pageOf } from '../lib/cursor.ts'
import { toUser, userColumns, userDisabled, userNotFound, type UserRow } from '../lib/user.ts'
import type { AdministeredUser, AdministerUserBody, UserPage } from '../schemas/admin.ts'

declare module 'fastify' {
  interface FastifyInstance {
    userDirectory: UserDirectory
  }
}

export interface UserFilter {
  limit: number
  cursor?: string | undefined
  /** What the email address or the name begins with, in either case. */
  search?: string | undefined
  role?: string | undefined
  disabled?: boolean | undefined
}

export interface UserDirectory {
  /**
   * A page of users, the newest first. Whoever is there all the while is on exactly one page, whoever else comes and
   * goes meanwhile.
   * @throws Problem invalid_request for a cursor of something else
   */
  list(filter: UserFilter): Promise<UserPage>
  find(id: string): Promise<AdministeredUser | undefined>
  /**
   * Changes what is named. Does NOT end sessions, nor ask whether it may be: `fastify.accounts.update` does.
   * @returns the user before and after
   * @throws Problem user_not_found
   */
  update(
    transaction: PoolClient,
    id: string,
    change: AdministerUserBody
  ): Promise<{ before: AdministeredUser; after: AdministeredUser }>
}

/** `created_at` to the microsecond, as far as Postgres has it, in characters that no time zone changes. */
const microseconds = '(extract(epoch FROM created_at) * 1000000)::bigint::text AS microseconds'

const columns = `${userColumns}, ${userDisabled('users')} AS disabled, disabled_at, disabled_until, disabled_reason`

const cursorShape = /^(\d{1,16}) ([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/

/** Decorates `fastify.userDirectory`: the table `users`, for administrators. */
export default fp(
  async (fastify) => {
    fastify.decorate('userDirectory', {
      async list({ limit, cursor, search, role, disabled }) {
        const [time, id] = cursor === undefined ? [] : decodeCursor(cursor, cursorShape)
        // What is not asked for falls out when it is planned, each time anew: the statement has no name.
        const { rows } = await fastify.pg.query<DirectoryRow & { microseconds: string }>(
          `SELECT ${columns}, ${microseconds} FROM users
            WHERE ($2::bigint IS NULL OR (created_at, id) < (timestamptz 'epoch' + $2 * interval '1 microsecond', $3))
              AND ($4::text IS NULL OR email LIKE lower($4) OR lower(name) LIKE lower($4))
              AND ($5::text IS NULL OR role = $5)
              AND ($6::boolean IS NULL OR ${userDisabled('users')} = $6)
              AND ($6 IS DISTINCT FROM true OR disabled_at IS NOT NULL)
            ORDER BY created_at DESC, id DESC LIMIT $1`,
          [
            limit + 1,
            time,
            id,
            search === undefined ? undefined : `${search.replaceAll(/[\\%_]/g, '\\$&')}%`,
            role,
            disabled
          ]
        )
        const { page, next_cursor } = pageOf(rows, limit, (last) => encodeCursor(last.microseconds, last.id))
        return { users: page.map(toAdministered), next_cursor }
      },

      async find(id) {
        const { rows } = await fastify.pg.query<DirectoryRow>(`SELECT ${columns} FROM users WHERE id = $1`, [
          id
        ])
        return rows[0] && toAdministered(rows[0])
      },

      async update(transaction, id, { name, role, email_verified, disabled }) {
        const { rows: found } = await transaction.query<DirectoryRow>(
          `SELECT ${columns} FROM users WHERE id = $1 FOR NO KEY UPDATE`,
          [id]
        )
        const { rows: changed } = await transaction.query<DirectoryRow>(
          `UPDATE users SET
             name            = CASE WHEN $2 THEN $3 ELSE name END,
             role            = coalesce($4, role),
             email_verified  = coalesce($5, email_verified),
             disabled_at     = CASE WHEN NOT $6 THEN disabled_at
                                    WHEN $7 THEN CASE WHEN ${userDisabled('users')} THEN disabled_at ELSE now() END END,
             disabled_until  = CASE WHEN NOT $6 THEN disabled_until WHEN $7 THEN $8::timestamptz END,
             disabled_reason = CASE WHEN NOT $6 THEN disabled_reason WHEN $7 THEN $9 END
            WHERE id = $1 RETURNING ${columns}`,
          [
            id,
            ...[name !== undefined, name],
            ...[role, email_verified],
            ...[disabled !== undefined, disabled !== undefined && disabled !== null],
            ...[disabled?.until, disabled?.reason]
          ]
        )
        if (!found[0] || !changed[0]) throw userNotFound()
        return { before: toAdministered(found[0]), after: toAdministered(changed[0]) }
      }
    })
  },
  { name: 'user-directory', dependencies: ['postgres', 'migrations'] }
)

interface DirectoryRow extends UserRow {
  disabled: boolean
  disabled_at: Date | null
  disabled_until: Date | null
  disabled_reason: string | null
}

function toAdministered(row: DirectoryRow): AdministeredUser {
  const { disabled, disabled_at, disabled_until, disabled_reason: reason } = row
  if (!disabled || !disabled_at) return { ...toUser(row), disabled: null }
  const [at, until] = [disabled_at.toISOString(), disabled_until?.toISOString() ?? null]
  return { ...toUser(row), disabled: { at, until, reason } }
}
