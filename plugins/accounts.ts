import fp from 'fastify-plugin'
import type { RequestOrigin } from '../lib/session.ts'

declare module 'fastify' {
  interface FastifyInstance {
    accounts: Accounts
  }
}

/**
 * Changes of an account that end sessions: OWASP ASVS 5.0 V7.4.2, V7.4.3. Each is one transaction with the end of
 * those sessions, so that there is never the one without the other, whenever the process dies.
 */
export interface Accounts {
  /**
   * Does NOT check the password: `fastify.passwordPolicy` does.
   * @param change `password_version` is that of the password that was proved; `except` is the session that stays
   * @returns the ids of the sessions that it ended
   * @throws Problem invalid_credentials where the password was changed since it was proved
   */
  changePassword(
    id: string,
    password: string,
    by: RequestOrigin,
    change: { reason: 'password_changed' | 'password_reset'; password_version?: number; except?: string }
  ): Promise<string[]>
  /** Removes the user and whatever tells of the person, and ends every session. */
  remove(id: string, by: RequestOrigin): Promise<string[]>
}

/** Decorates `fastify.accounts`. */
export default fp(
  async (fastify) => {
    const { users, sessions, sessionRecords, passwords, securityEvents } = fastify

    fastify.decorate('accounts', {
      async changePassword(id, password, by, { reason, password_version, except }) {
        const password_hash = await passwords.hash(password)
        const ended = await sessions.revokeAllWith(
          (transaction) => users.setPassword(transaction, id, password_hash, password_version),
          id,
          reason,
          by,
          except
        )
        securityEvents.record({ ...by, type: 'password_changed', user_id: id, reason })
        return ended
      },

      async remove(id, by) {
        const ended = await sessions.revokeAllWith(
          async (transaction) => {
            await users.remove(transaction, id)
            await sessionRecords.anonymize(id, transaction)
          },
          id,
          'account_deleted',
          by
        )
        securityEvents.record({ ...by, type: 'account_deleted', user_id: id })
        return ended
      }
    })
  },
  { name: 'accounts', dependencies: ['users', 'sessions', 'session-records', 'passwords', 'security-events'] }
)
