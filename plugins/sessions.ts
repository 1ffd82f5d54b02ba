import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { deviceType } from '../lib/device-type.ts'
import { digest } from '../lib/digest.ts'
import type { IssuedTokens, RequestOrigin, RevokedReason, SignIn } from '../lib/session.ts'
import type { User } from '../schemas/tokens.ts'
import type { EndedSession } from './session-records.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
}

/** What a sign-in goes by: a user to be made, or the password that was proved. */
export interface SignInProof {
  insertUser?: (transaction: PoolClient) => Promise<void>
  password_version?: number
}

export interface Sessions {
  /**
   * Makes a session for a user who has just proved who they are. Does NOT check that proof.
   * @throws Problem account_disabled, or invalid_credentials where the password was changed since it was proved
   */
  start(user: User, amr: string[], signIn: SignIn, proof?: SignInProof): Promise<IssuedTokens>
  /**
   * Ends sessions, of one user where `user_id` is given: Postgres, then Redis, then every node.
   * @returns the ids that it ended, once Postgres has them as ended
   */
  revoke(
    sids: readonly string[],
    reason: RevokedReason,
    by: RequestOrigin,
    user_id?: string
  ): Promise<string[]>
  /** Ends every session of a user, but one where `except` names it. */
  revokeAll(user_id: string, reason: RevokedReason, by: RequestOrigin, except?: string): Promise<string[]>
  /**
   * The same, in one transaction with the change of the account that ends them: both happen, or neither.
   * @param change throws where it can not be made
   */
  revokeAllWith(
    change: (transaction: PoolClient) => Promise<void>,
    user_id: string,
    reason: RevokedReason,
    by: RequestOrigin,
    except?: string
  ): Promise<string[]>
}

/** Decorates `fastify.sessions`: how sessions begin and end. plugins/session-refresh.ts is what is between. */
export default fp(
  async (fastify) => {
    const {
      sessionWhitelist: whitelist,
      sessionRecords: records,
      redisFollowUp,
      securityEvents,
      mails
    } = fastify

    const spread = async (ended: readonly EndedSession[], by: RequestOrigin) => {
      for (const { id: sid, user_id, revoked_reason: reason } of ended) {
        securityEvents.record({ ...by, type: 'session_revoked', user_id, sid, reason })
      }
      const sids = ended.map(({ id }) => id)
      await redisFollowUp.sessionsEnded(sids)
      return sids
    }

    fastify.decorate('sessions', {
      async start(user, amr, signIn, proof = {}) {
        const sid = uuidv7()
        const { client, device_id, ip, user_agent } = signIn
        const device_id_hash = device_id === null ? null : digest(device_id)
        // Redis first: an entry without a record opens nothing, but a record without an entry would be a
        // session in the user's list that nobody holds.
        const entry = await whitelist.create(sid, { client, device_id_hash })
        const ended = await fastify.pg
          .transact(async (transaction) => {
            await proof.insertUser?.(transaction)
            const session = {
              ...{ id: sid, user_id: user.id, client, device_id_hash, device_type: deviceType(user_agent) },
              ...{ user_agent, ip, amr, ...entry }
            }
            const inserted = await records.insert(transaction, session, proof.password_version)
            if (inserted.new_device && !proof.insertUser) {
              const [to, at] = [user.email, new Date(entry.rotated_at).toISOString()]
              const by = { ip, user_agent }
              await mails.order({ kind: 'notice', notice: 'new_sign_in', to, at, by }, transaction)
            }
            return inserted.ended
          })
          .catch(async (error: unknown) => {
            await redisFollowUp.sessionsEnded([sid])
            throw error
          })
        await spread(ended, { ip, user_agent })
        const type = proof.insertUser ? 'signup' : 'login_succeeded'
        securityEvents.record({ type, user_id: user.id, sid, ip, user_agent })
        const session = { id: sid, client, amr, authenticated_at: entry.rotated_at, user }
        return fastify.issueTokens(session, { gen: 1, now: entry.rotated_at, ...entry })
      },

      async revoke(sids, reason, by, user_id) {
        return spread(await records.revoke(sids, reason, user_id), by)
      },

      async revokeAll(user_id, reason, by, except) {
        return spread(await records.revokeAll(user_id, reason, except), by)
      },

      async revokeAllWith(change, user_id, reason, by, except) {
        const ended = await fastify.pg.transact(async (transaction) => {
          // First: whoever signs in meanwhile waits at the user, and is then measured by what it has become.
          await change(transaction)
          return records.revokeAll(user_id, reason, except, transaction)
        })
        return spread(ended, by)
      }
    })
  },
  {
    name: 'sessions',
    dependencies: [
      'session-whitelist',
      'session-records',
      'session-tokens',
      'redis-follow-up',
      'security-events',
      'mails'
    ]
  }
)
