import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import type { Notice } from '../lib/mail.ts'
import { normalizeEmail } from '../lib/user.ts'
import { digest } from '../lib/digest.ts'
import type { RequestOrigin, SignIn } from '../lib/session.ts'

declare module 'fastify' {
  interface FastifyInstance {
    credentials: Credentials
  }
}

/**
 * Changes of an account that end sessions: OWASP ASVS 5.0 V7.4.2, V7.4.3. Each is one transaction with the end of
 * those sessions, so that there is never the one without the other, whenever the process dies. The mails that tell of
 * them (V6.3.7) are of the same transaction.
 */
export interface Credentials {
  /**
   * Does NOT check the password: `fastify.passwordPolicy` does. Links of mails are worth nothing from then on.
   * @param change `password_version` is that of the password that was proved; `except` is the session that stays
   * @returns the ids of the sessions that it ended
   * @throws Problem invalid_credentials where the password was changed since it was proved
   */
  changePassword(id: string, password: string, by: RequestOrigin, change: PasswordChange): Promise<string[]>
  /** Whose the link of a mail is by which a password is reset. @throws Problem email_token_invalid */
  findPasswordReset(token: string): Promise<PasswordReset>
  /**
   * The same by that link, which also confirms the address, and makes the device known: whoever guesses can't keep the
   * owner from logging in on it. Ends every session.
   * @throws Problem email_token_invalid
   */
  resetPassword(token: string, reset: PasswordReset, password: string, signIn: SignIn): Promise<string[]>
  /** Confirms the address of a user by the link of a mail. @throws Problem email_token_invalid */
  verifyEmail(token: string, by: RequestOrigin): Promise<void>
  /** Sends the link to the new address, and tells the old one. @param sid the session that asks */
  requestEmailChange(id: string, email: string, sid: string, by: RequestOrigin): Promise<void>
  /**
   * Changes the address by that link. Ends every session but the one that asked.
   * @throws Problem email_token_invalid, also where that session has ended; email_taken
   */
  changeEmail(token: string, by: RequestOrigin): Promise<string[]>
}

export interface PasswordReset {
  user_id: string
  email: string
  name: string | null
}

interface PasswordChange {
  reason: 'password_changed' | 'password_reset'
  password_version?: number
  except?: string
}

/** Decorates `fastify.credentials`. */
export default fp(
  async (fastify) => {
    const { users, sessions, sessionRecords, passwords, emailTokens, mails, securityEvents } = fastify

    const tell = (
      transaction: PoolClient,
      to: string,
      notice: Notice,
      by: RequestOrigin,
      more: { new_email?: string } = {}
    ) => {
      const at = new Date().toISOString()
      return mails.order({ kind: 'notice', notice, to, at, by, ...more }, transaction)
    }

    /** @param also what else is of the same transaction; by then it has the row of the user to itself */
    const setPassword = async (
      id: string,
      password: string,
      by: RequestOrigin,
      { reason, password_version, except }: PasswordChange,
      also: (transaction: PoolClient) => Promise<void> = async () => undefined
    ) => {
      const password_hash = await passwords.hash(password)
      const ended = await sessions.revokeAllWith(
        async (transaction) => {
          const { email } = await users.setPassword(transaction, id, password_hash, password_version)
          await also(transaction)
          await emailTokens.revokeAll(transaction, id)
          await tell(transaction, email, 'password_changed', by)
        },
        id,
        reason,
        by,
        except
      )
      securityEvents.record({ ...by, type: 'password_changed', user_id: id, reason })
      return ended
    }

    fastify.decorate('credentials', {
      changePassword: (id, password, by, change) => setPassword(id, password, by, change),

      async findPasswordReset(token) {
        const { user_id, email } = await emailTokens.find('password_reset', token)
        const user = await users.findById(user_id)
        return { user_id, email, name: user?.name ?? null }
      },

      async resetPassword(token, { user_id, email }, password, { device_id, ip, user_agent }) {
        const by = { ip, user_agent }
        return setPassword(user_id, password, by, { reason: 'password_reset' }, async (transaction) => {
          await emailTokens.use(transaction, 'password_reset', token)
          await users.setEmailVerified(transaction, user_id, email)
          if (device_id !== null) await sessionRecords.rememberDevice(transaction, user_id, digest(device_id))
        })
      },

      async verifyEmail(token, by) {
        const { user_id, email } = await emailTokens.find('verify_email', token)
        await fastify.pg.transact(async (transaction) => {
          await users.setEmailVerified(transaction, user_id, email)
          await emailTokens.use(transaction, 'verify_email', token)
        })
        securityEvents.record({ ...by, type: 'email_verified', user_id })
      },

      async requestEmailChange(id, email, sid, by) {
        const new_email = normalizeEmail(email)
        const user = await users.findById(id)
        if (!user) return
        await fastify.pg.transact(async (transaction) => {
          await mails.order({ kind: 'email_change', user_id: id, email: new_email, sid }, transaction)
          await tell(transaction, user.email, 'email_change_requested', by, { new_email })
        })
        securityEvents.record({ ...by, type: 'email_change_requested', user_id: id, sid })
      },

      async changeEmail(token, by) {
        const { user_id, email, sid } = await emailTokens.find('email_change', token)
        const ended = await sessions.revokeAllWith(
          async (transaction) => {
            const previous = await users.setEmail(transaction, user_id, email)
            await emailTokens.use(transaction, 'email_change', token)
            await emailTokens.revokeAll(transaction, user_id)
            for (const to of [previous, email])
              await tell(transaction, to, 'email_changed', by, { new_email: email })
          },
          user_id,
          'email_changed',
          by,
          sid ?? undefined
        )
        securityEvents.record({ ...by, type: 'email_changed', user_id })
        return ended
      }
    })
  },
  {
    name: 'credentials',
    dependencies: [
      'postgres',
      'users',
      'sessions',
      'session-records',
      'passwords',
      'email-tokens',
      'mails',
      'security-events'
    ]
  }
)
