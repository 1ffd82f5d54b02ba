import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { batchedLookup } from '../lib/batched-lookup.ts'
import { Problem } from '../lib/problem.ts'
import { toUser, userColumns, type UserRow } from '../lib/user.ts'
import type { User } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    users: Users
  }
}

/** A user with what only a login needs. */
export interface Account {
  user: User
  password_hash: string
  disabled_at: Date | null
}

export interface Users {
  /** A new user, not written yet. */
  make(email: string, name: string | null, role?: string): User
  /** @param transaction a client inside a transaction. @throws Problem email_taken */
  insert(transaction: PoolClient, user: User, password_hash: string): Promise<void>
  findByEmail(email: string): Promise<Account | undefined>
  /** All look-ups of one tick share a query. */
  findById(id: string): Promise<User | undefined>
  rename(id: string, name: string | null): Promise<User | undefined>
  /** Stands in access tokens from the next refresh on. */
  setRole(id: string, role: string): Promise<void>
  /** A disabled user can't log in or refresh. Does NOT end sessions: `fastify.sessions.revokeAll` does. */
  setDisabled(id: string, disabled: boolean): Promise<void>
  /** Replaces a hash, unless the password was changed meanwhile. */
  replacePasswordHash(id: string, current: string, password_hash: string): Promise<void>
}

/** One spelling for one mailbox: nobody has two accounts that differ by case. */
const normalizeEmail = (email: string) => email.trim().toLowerCase()

/** Decorates `fastify.users`: the table `users`. */
export default fp(
  async (fastify) => {
    const findById = batchedLookup<User>(async (ids) => {
      const { rows } = await fastify.pg.query<UserRow>({
        name: 'users by id',
        text: `SELECT ${userColumns} FROM users WHERE id = ANY($1)`,
        values: [ids]
      })
      return new Map(rows.map((row) => [row.id, toUser(row)]))
    })

    fastify.decorate('users', {
      make: (email, name, role = 'user') => ({
        id: uuidv7(),
        email: normalizeEmail(email),
        name,
        role,
        email_verified: false,
        created_at: new Date().toISOString()
      }),

      async insert(transaction, { id, email, name, role, created_at }, password_hash) {
        const { rowCount } = await transaction.query(
          `INSERT INTO users (id, email, name, role, created_at, password_hash) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (email) DO NOTHING`,
          [id, email, name, role, created_at, password_hash]
        )
        if (rowCount === 0) throw new Problem('email_taken', 'Log in instead, or use another address.')
      },

      async findByEmail(email) {
        const { rows } = await fastify.pg.query<
          UserRow & { password_hash: string; disabled_at: Date | null }
        >({
          name: 'user by email',
          text: `SELECT ${userColumns}, password_hash, disabled_at FROM users WHERE email = $1`,
          values: [normalizeEmail(email)]
        })
        const [row] = rows
        return row && { user: toUser(row), password_hash: row.password_hash, disabled_at: row.disabled_at }
      },

      findById,

      async rename(id, name) {
        const { rows } = await fastify.pg.query<UserRow>(
          `UPDATE users SET name = $2 WHERE id = $1 RETURNING ${userColumns}`,
          [id, name]
        )
        return rows[0] && toUser(rows[0])
      },

      async setRole(id, role) {
        await fastify.pg.query('UPDATE users SET role = $2 WHERE id = $1', [id, role])
      },

      async setDisabled(id, disabled) {
        await fastify.pg.query(
          'UPDATE users SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END WHERE id = $1',
          [id, disabled]
        )
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
