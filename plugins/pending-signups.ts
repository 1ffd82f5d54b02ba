import fp from 'fastify-plugin'
import { randomBytes } from 'node:crypto'
import type { PoolClient } from 'pg'
import { digest } from '../lib/digest.ts'
import { emailTokenInvalid } from '../lib/email-token-refusal.ts'

declare module 'fastify' {
  interface FastifyInstance {
    pendingSignups: PendingSignups
  }
}

/** An account to be. Nothing of it stands in the way of anybody else who signs up with the address. */
export interface PendingSignup {
  email: string
  name: string | null
  password_hash: string
}

export interface PendingSignups {
  /**
   * @param life seconds
   * @returns the token of its link: 256 random bits, base64url; only its digest is kept
   */
  add(signup: PendingSignup, life: number): Promise<string>
  /**
   * Whose token it is reads the mail of the address. Does NOT say that they also made the sign-up: the password does.
   * @throws Problem email_token_invalid
   */
  find(token: string): Promise<PendingSignup>
  /** Uses a token up. @throws Problem email_token_invalid where it was used meanwhile */
  use(transaction: PoolClient, token: string): Promise<void>
}

/** Decorates `fastify.pendingSignups`: the table of that name, which `SIGNUP_CONFIRM` fills. */
export default fp(
  async (fastify) => {
    fastify.decorate('pendingSignups', {
      async add({ email, name, password_hash }, life) {
        const token = randomBytes(32).toString('base64url')
        await fastify.pg.query(
          `INSERT INTO pending_signups (token_hash, email, name, password_hash, expires_at)
           VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
          [digest(token), email, name, password_hash, life]
        )
        return token
      },

      async find(token) {
        const { rows } = await fastify.pg.query<PendingSignup>(
          `SELECT email, name, password_hash FROM pending_signups WHERE token_hash = $1 AND expires_at > now()`,
          [digest(token)]
        )
        if (!rows[0]) throw emailTokenInvalid()
        return rows[0]
      },

      async use(transaction, token) {
        const { rowCount } = await transaction.query(
          'DELETE FROM pending_signups WHERE token_hash = $1 AND expires_at > now()',
          [digest(token)]
        )
        if (rowCount === 0) throw emailTokenInvalid()
      }
    })
  },
  { name: 'pending-signups', dependencies: ['postgres', 'migrations'] }
)
