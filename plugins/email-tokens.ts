import fp from 'fastify-plugin'
import { randomBytes } from 'node:crypto'
import type { PoolClient } from 'pg'
import { digest } from '../lib/digest.ts'
import { emailTokenInvalid } from '../lib/email-token-refusal.ts'
import type { EmailTokenPurpose } from '../lib/mail.ts'

declare module 'fastify' {
  interface FastifyInstance {
    emailTokens: EmailTokens
  }
}

/** What a token proves: that who shows it reads the mail of this address. */
export interface EmailTokenRecord {
  user_id: string
  email: string
  sid: string | null
}

export interface EmailTokens {
  /**
   * A new token, which takes the place of any other of this user for this purpose.
   * @param life seconds
   * @returns 256 random bits, base64url; only its digest is kept
   */
  issue(
    purpose: EmailTokenPurpose,
    record: { user_id: string; email: string; sid?: string },
    life: number
  ): Promise<string>
  /** What a token stands for. It can still be used. @throws Problem email_token_invalid */
  find(purpose: EmailTokenPurpose, token: string): Promise<EmailTokenRecord>
  /**
   * Uses a token up.
   * @param transaction that has written to the row of the user first: all wait for each other there
   * @throws Problem email_token_invalid where it was used meanwhile
   */
  use(transaction: PoolClient, purpose: EmailTokenPurpose, token: string): Promise<void>
  /** Takes every token of a user out of use. */
  revokeAll(transaction: PoolClient, user_id: string): Promise<void>
}

/** OWASP ASVS 5.0 V6.5.1, V6.5.5, V6.6.2: once, for a time, for one purpose, and of a session that has not ended. */
const good = `token_hash = $1 AND purpose = $2 AND expires_at > now()
  AND (sid IS NULL OR EXISTS (SELECT FROM sessions WHERE sessions.id = email_tokens.sid AND revoked_at IS NULL))`

/** Decorates `fastify.emailTokens`: the table `email_tokens`, what stands in the links of mails. */
export default fp(
  async (fastify) => {
    fastify.decorate('emailTokens', {
      async issue(purpose, { user_id, email, sid }, life) {
        const token = randomBytes(32).toString('base64url')
        // OWASP ASVS 5.0 V11.4: 256 random bits need no slow hash, there is nothing to guess.
        await fastify.pg.query(
          `INSERT INTO email_tokens (token_hash, purpose, user_id, email, sid, expires_at)
           VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
               ON CONFLICT (user_id, purpose) DO UPDATE
              SET token_hash = excluded.token_hash, email = excluded.email, sid = excluded.sid,
                  expires_at = excluded.expires_at`,
          [digest(token), purpose, user_id, email, sid ?? null, life]
        )
        return token
      },

      async find(purpose, token) {
        const { rows } = await fastify.pg.query<EmailTokenRecord>(
          `SELECT user_id, email, sid FROM email_tokens WHERE ${good}`,
          [digest(token), purpose]
        )
        if (!rows[0]) throw emailTokenInvalid()
        return rows[0]
      },

      async use(transaction, purpose, token) {
        const { rowCount } = await transaction.query(`DELETE FROM email_tokens WHERE ${good}`, [
          digest(token),
          purpose
        ])
        if (rowCount === 0) throw emailTokenInvalid()
      },

      async revokeAll(transaction, user_id) {
        await transaction.query('DELETE FROM email_tokens WHERE user_id = $1', [user_id])
      }
    })
  },
  { name: 'email-tokens', dependencies: ['postgres', 'migrations'] }
)
