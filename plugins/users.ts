import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { batchedLookup } from '../lib/batched-lookup.ts'
import { emailTokenInvalid } from '../lib/email-token-refusal.ts'
import { Problem } from '../lib/problem.ts'
import {
  normalizeEmail,
  toUser,
  userColumns,
  userColumnsOf,
  userDisabled,
  userNotFound,
  type UserRow
} from '../lib/user.ts'
import type { User } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    users: Users
  }
}

/** A user with what only a login needs. */
export interface Account {
  user: User
  /** null where the user came without a password. */
  password_hash: string | null
  /** Goes up with every new password. */
  password_version: number
  disabled: boolean
  /** When a ban that ends by itself does. */
  disabled_until: Date | null
  /** Whether the user has signed in on the device that was asked for. */
  known_device: boolean
}

/** A user from elsewhere, as the row that it becomes. */
export interface ImportedRow extends User {
  password_hash: string | null
  disabled: boolean
}

export interface Users {
  /** A new user, not written yet. */
  make(email: string, name: string | null, role?: string): User
  /** @param transaction a client inside a transaction. @throws Problem email_taken */
  insert(transaction: PoolClient, user: User, password_hash: string): Promise<void>
  /**
   * Inserts all in one statement, but those whose id or email address is taken.
   * @param rows no two with one id or one email address
   * @returns ids of those that were inserted
   */
  insertAll(rows: readonly ImportedRow[]): Promise<Set<string>>
  /** Ids by email address, of those that there are. */
  idsByEmail(emails: readonly string[]): Promise<Map<string, string>>
  /** Tells Postgres that much has changed, for its plans and for `fastify.unknownUsers`. */
  analyze(): Promise<void>
  /** @param device_id_hash of the device that asks, where it has one */
  findByEmail(email: string, device_id_hash?: string | null): Promise<Account | undefined>
  /** The same account by the id of its user. */
  findAccount(id: string): Promise<Account | undefined>
  /** All look-ups of one tick share a query. */
  findById(id: string): Promise<User | undefined>
  rename(id: string, name: string | null): Promise<User | undefined>
  /**
   * A new password. Does NOT end sessions: `fastify.credentials.changePassword` does.
   * @param password_version of the one that it takes the place of, where that is known
   * @returns whose it is
   * @throws Problem invalid_credentials where it has another one by now, or is gone
   */
  setPassword(
    transaction: PoolClient,
    id: string,
    password_hash: string,
    password_version?: number
  ): Promise<User>
  /** Notes that the user reads the mail of this address, where it still is theirs. */
  setEmailVerified(transaction: PoolClient, id: string, email: string): Promise<void>
  /**
   * Another address, which is verified. Does NOT end sessions: `fastify.credentials.changeEmail` does.
   * @returns the one that it takes the place of
   * @throws Problem email_taken, or email_token_invalid where the user is gone
   */
  setEmail(transaction: PoolClient, id: string, email: string): Promise<string>
  /**
   * Takes the user out of the database. Does NOT end sessions: `fastify.accounts.remove` does.
   * @throws Problem user_not_found
   */
  remove(transaction: PoolClient, id: string): Promise<void>
  /** Replaces a hash, unless the password was changed meanwhile. */
  replacePasswordHash(id: string, current: string, password_hash: string): Promise<void>
}

/** SQLSTATE 23505 */
const isUniqueViolation = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === '23505'

/** Decorates `fastify.users`: the table `users`. */
export default fp(
  async (fastify) => {
    const findById = batchedLookup<User>(async (ids) => {
      const { rows } = await fastify.pg.query<UserRow>({
        name: 'users by id',
        text: `SELECT ${userColumnsOf('users')} FROM users WHERE id = ANY($1)`,
        values: [ids]
      })
      return new Map(rows.map((row) => [row.id, toUser(row)]))
    })

    const findAccount = async (by: 'email' | 'id', value: string, device_id_hash: string | null) => {
      const { rows } = await fastify.pg.query<UserRow & Omit<Account, 'user'>>({
        name: `account by ${by}`,
        text: `SELECT ${userColumns}, password_hash, password_version, ${userDisabled('users')} AS disabled,
                      disabled_until,
                      EXISTS (SELECT FROM known_devices WHERE user_id = users.id AND device_id_hash = $2)
                        AS known_device
                 FROM users WHERE ${by} = $1`,
        values: [value, device_id_hash]
      })
      const [row] = rows
      if (!row) return undefined
      const { password_hash, password_version, disabled, disabled_until, known_device } = row
      return { user: toUser(row), password_hash, password_version, disabled, disabled_until, known_device }
    }

    fastify.decorate('users', {
      make: (email, name, role = 'user') => ({
        id: uuidv7(),
        email: normalizeEmail(email),
        name,
        role,
        email_verified: false,
        created_at: new Date().toISOString()
      }),

      async insert(transaction, { id, email, name, role, email_verified, created_at }, password_hash) {
        const { rowCount } = await transaction.query(
          `INSERT INTO users (id, email, name, role, email_verified, created_at, password_hash)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (email) DO NOTHING`,
          [id, email, name, role, email_verified, created_at, password_hash]
        )
        if (rowCount === 0) throw new Problem('email_taken', 'Log in instead, or use another address.')
      },

      async insertAll(rows) {
        const { rows: inserted } = await fastify.pg.query<{ id: string }>({
          name: 'insert users',
          text: `INSERT INTO users (id, email, password_hash, name, role, email_verified, created_at, disabled_at)
                 SELECT id, email, password_hash, name, role, email_verified, created_at,
                        CASE WHEN disabled THEN now() END
                   FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[],
                               $7::timestamptz[], $8::boolean[])
                     AS row (id, email, password_hash, name, role, email_verified, created_at, disabled)
                     ON CONFLICT DO NOTHING RETURNING id`,
          values: [
            rows.map(({ id }) => id),
            rows.map(({ email }) => email),
            rows.map(({ password_hash }) => password_hash),
            rows.map(({ name }) => name),
            rows.map(({ role }) => role),
            rows.map(({ email_verified }) => email_verified),
            rows.map(({ created_at }) => created_at),
            rows.map(({ disabled }) => disabled)
          ]
        })
        return new Set(inserted.map(({ id }) => id))
      },

      async idsByEmail(emails) {
        const { rows } = await fastify.pg.query<{ id: string; email: string }>({
          name: 'ids by email',
          text: 'SELECT id, email FROM users WHERE email = ANY($1)',
          values: [emails]
        })
        return new Map(rows.map(({ id, email }) => [email, id]))
      },

      async analyze() {
        await fastify.pg.query('ANALYZE users')
      },

      findByEmail: (email, device_id_hash = null) =>
        findAccount('email', normalizeEmail(email), device_id_hash),

      findAccount: (id) => findAccount('id', id, null),

      findById,

      async rename(id, name) {
        const { rows } = await fastify.pg.query<UserRow>(
          `UPDATE users SET name = $2 WHERE id = $1 RETURNING ${userColumns}`,
          [id, name]
        )
        return rows[0] && toUser(rows[0])
      },

      async setPassword(transaction, id, password_hash, password_version) {
        const { rows } = await transaction.query<UserRow>(
          `UPDATE users SET password_hash = $2, password_version = password_version + 1
            WHERE id = $1 AND password_version = coalesce($3, password_version)
        RETURNING ${userColumns}`,
          [id, password_hash, password_version ?? null]
        )
        if (!rows[0])
          throw new Problem(
            'invalid_credentials',
            'The password was changed meanwhile. Log in with the new one.'
          )
        return toUser(rows[0])
      },

      async setEmailVerified(transaction, id, email) {
        await transaction.query('UPDATE users SET email_verified = true WHERE id = $1 AND email = $2', [
          id,
          email
        ])
      },

      async setEmail(transaction, id, email) {
        const { rows } = await transaction
          .query<{ email: string }>(
            `UPDATE users SET email = $2, email_verified = true
               FROM (SELECT id, email FROM users WHERE id = $1 FOR UPDATE) AS old
              WHERE users.id = old.id
          RETURNING old.email`,
            [id, normalizeEmail(email)]
          )
          .catch((error: unknown) => {
            throw isUniqueViolation(error) ? new Problem('email_taken', 'Use another address.') : error
          })
        if (!rows[0]) throw emailTokenInvalid()
        return rows[0].email
      },

      async remove(transaction, id) {
        const { rowCount } = await transaction.query('DELETE FROM users WHERE id = $1', [id])
        if (rowCount === 0) throw userNotFound()
      },

      async replacePasswordHash(id, current, password_hash) {
        await fastify.pg.query('UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2', [
          id,
          current,
          password_hash
        ])
      }
    })
  },
  { name: 'users', dependencies: ['postgres', 'migrations'] }
)
