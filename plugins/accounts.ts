import { isDeepStrictEqual } from 'node:util'
import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import { insufficientRole } from '../lib/access-token-refusal.ts'
import { Problem } from '../lib/problem.ts'
import type { RequestOrigin } from '../lib/session.ts'
import { administratorRole, userDisabled } from '../lib/user.ts'
import type { AdministeredUser, AdministerUserBody } from '../schemas/admin.ts'
import type { SecurityEvent } from './security-events.ts'

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
   * What somebody else changes of an account. To disable it ends every session; a ban with an end is over by itself.
   * @returns the ids of the sessions that it ended
   * @throws Problem user_not_found; of an administrator own_account, where they would lose the role or be disabled,
   * and insufficient_role where another one has just seen to that
   */
  update(id: string, change: AdministerUserBody, by: RequestOrigin): Promise<string[]>
  /**
   * Removes the user and whatever tells of the person, and ends every session. What happened stays in the security
   * events until they are old, by the id.
   * @throws Problem user_not_found; last_administrator; of an administrator own_account and insufficient_role, as above
   */
  remove(id: string, by: RequestOrigin): Promise<string[]>
}

/** Decorates `fastify.accounts`. */
export default fp(
  async (fastify) => {
    const { users, userDirectory, sessions, sessionRecords, securityEvents } = fastify

    /**
     * Whoever could leave the server without an administrator does so one after the other, each measured by what the
     * one before has left. The command line can always make another one, and is let through.
     */
    const keepAdministrators = async (
      transaction: PoolClient,
      id: string,
      by: RequestOrigin,
      isLost: boolean
    ) => {
      await transaction.query("SELECT pg_advisory_xact_lock(hashtext('latchkey administrators'))")
      if (by.actor === 'command_line') return
      const { rows } = await transaction.query<{ id: string }>(
        `SELECT id FROM users WHERE role = $1 AND NOT ${userDisabled('users')}`,
        [administratorRole]
      )
      const administrators = rows.map((row) => row.id)
      if (by.actor_id !== undefined && !administrators.includes(by.actor_id))
        throw insufficientRole(administratorRole)
      if (!isLost) return
      if (by.actor_id === id)
        throw new Problem('own_account', 'Ask another administrator, or use the command line.')
      if (administrators.length === 1 && administrators[0] === id)
        throw new Problem('last_administrator', 'Make somebody else an administrator first.')
    }

    fastify.decorate('accounts', {
      async update(id, change, by) {
        const isLost = Boolean(change.disabled) || (change.role ?? administratorRole) !== administratorRole
        const apply = async (transaction: PoolClient) => {
          await keepAdministrators(transaction, id, by, isLost)
          const { before, after } = await userDirectory.update(transaction, id, change)
          for (const event of eventsOf(before, after))
            await securityEvents.recordWith(transaction, { ...by, ...event, user_id: id })
        }
        if (change.disabled) return sessions.revokeAllWith(apply, id, 'account_disabled', by)
        await fastify.pg.transact(apply)
        return []
      },

      async remove(id, by) {
        return sessions.revokeAllWith(
          async (transaction) => {
            await keepAdministrators(transaction, id, by, true)
            await users.remove(transaction, id)
            await sessionRecords.anonymize(id, transaction)
            await securityEvents.anonymize(id, transaction)
            await securityEvents.recordWith(transaction, { ...by, type: 'account_deleted', user_id: id })
          },
          id,
          'account_deleted',
          by
        )
      }
    })
  },
  {
    name: 'accounts',
    dependencies: ['users', 'user-directory', 'sessions', 'session-records', 'security-events']
  }
)

/** What an audit has to know of a change: roles and times, and of the person only that it was changed. */
function eventsOf(before: AdministeredUser, after: AdministeredUser): SecurityEvent[] {
  const events: SecurityEvent[] = []
  const fields = (['name', 'email_verified'] as const).filter((field) => before[field] !== after[field])
  if (fields.length > 0) events.push({ type: 'account_updated', details: { fields } })
  if (before.role !== after.role)
    events.push({ type: 'role_changed', details: { from: before.role, to: after.role } })
  if (before.disabled && !after.disabled) events.push({ type: 'account_enabled' })
  if (after.disabled && !isDeepStrictEqual(before.disabled, after.disabled))
    events.push({ type: 'account_disabled', details: { disabled_until: after.disabled.until } })
  return events
}
