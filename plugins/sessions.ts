import fp from 'fastify-plugin'
import { v7 as uuidv7 } from 'uuid'
import { deviceType } from '../lib/device-type.ts'
import { digest } from '../lib/digest.ts'
import { Problem } from '../lib/problem.ts'
import type { IssuedTokens, RequestOrigin, RevokedReason, SignIn } from '../lib/session.ts'
import type { Rotation, Verdict } from '../lua/index.ts'
import type { Client } from '../schemas/common.ts'
import type { RefreshTokenClaims, User } from '../schemas/tokens.ts'
import type { PoolClient } from 'pg'
import type { SessionRecord } from './session-records.ts'
import type { PresentedGeneration } from './session-whitelist.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
}

/** A refresh token whose signature was verified, and how it came. */
export interface RefreshRequest extends RequestOrigin {
  claims: RefreshTokenClaims
  client: Client
  device_id: string | null
  idempotency_key: string | null
}

type InsertUser = (transaction: PoolClient) => Promise<void>

export interface Sessions {
  /**
   * Makes a session for a user who has just proved who they are. Does NOT check that proof.
   * @param insertUser writes the user in the same transaction, at signup
   */
  start(user: User, amr: string[], signIn: SignIn, insertUser?: InsertUser): Promise<IssuedTokens>
  /** Exchanges a refresh token; design: docs/how-refresh-works.md. @throws Problem for every other verdict than rotated and replayed */
  refresh(request: RefreshRequest): Promise<IssuedTokens>
  /** Ends sessions (of one user, where given): Postgres, then Redis, then every node. @returns the ids that it ended */
  revoke(sids: readonly string[], reason: RevokedReason, user_id?: string): Promise<string[]>
  /** Ends every session of a user, but one where `except` names it. */
  revokeAll(user_id: string, reason: RevokedReason, except?: string): Promise<string[]>
}

/** Decorates `fastify.sessions`: the session protocol, over the whitelist (Redis) and the records (Postgres). */
export default fp(
  async (fastify) => {
    const { sessionWhitelist: whitelist, sessionRecords: records, sessionJournal: journal } = fastify

    const issue = (
      record: Pick<SessionRecord, 'id' | 'client' | 'amr' | 'authenticated_at' | 'user'>,
      head: Pick<Rotation, 'gen' | 'rotated_at' | 'refresh_expires_at' | 'now'>
    ): IssuedTokens => ({
      access_token: fastify.accessTokens.sign(record.user, record),
      expires_in: fastify.accessTokens.expires_in,
      refresh_token: fastify.refreshTokens.sign({ sub: record.user.id, sid: record.id, ...head }),
      refresh_expires_in: Math.max(0, Math.floor((head.refresh_expires_at - head.now) / 1000)),
      session_id: record.id,
      user: record.user,
      client: record.client
    })

    /** What must follow once Postgres has sessions as ended. Every refresh asks Postgres, so nothing is lost where Redis is away. */
    const spread = async (sids: readonly string[]) => {
      const results = await Promise.allSettled([whitelist.remove(sids), fastify.revocationFeed.publish(sids)])
      for (const { reason } of results.filter((result) => result.status === 'rejected')) {
        fastify.log.warn({ err: reason as unknown }, 'Redis has not heard of a revocation yet')
      }
    }

    const revoke: Sessions['revoke'] = async (sids, reason, user_id) => {
      const ended = await records.revoke(sids, reason, user_id)
      // Also what had ended before: Redis may not have heard of it then. But never what is another user's.
      await spread(user_id === undefined ? sids : ended)
      return ended
    }

    const start: Sessions['start'] = async (user, amr, signIn, insertUser) => {
      const sid = uuidv7()
      const { client, device_id, ip, user_agent } = signIn
      const device_id_hash = device_id === null ? null : digest(device_id)
      // Redis first: an entry without a record opens nothing, but a record without an entry would be a
      // session in the user's list that nobody holds.
      const entry = await whitelist.create(sid, { client, device_id_hash })
      const ended = await fastify.pg
        .transact(async (transaction) => {
          await insertUser?.(transaction)
          return records.insert(transaction, {
            ...{ id: sid, user_id: user.id, client, device_id_hash, device_type: deviceType(user_agent) },
            ...{ user_agent, ip, amr, ...entry }
          })
        })
        .catch(async (error: unknown) => {
          await spread([sid])
          throw error
        })
      await spread(ended.map(({ id }) => id))
      const session = { id: sid, client, amr, authenticated_at: entry.rotated_at, user }
      return issue(session, { gen: 1, now: entry.rotated_at, ...entry })
    }

    /** Both answers that a refresh needs, asked at the same time. */
    const ask = async (sid: string, presented: PresentedGeneration) => {
      const [rotation, record] = await Promise.allSettled([
        whitelist.rotate(sid, presented),
        records.find(sid)
      ])
      if (rotation.status === 'rejected') throw rotation.reason
      if (record.status === 'fulfilled') return { rotation: rotation.value, record: record.value }
      if (rotation.value.verdict === 'rotated') {
        // The client keeps its token and comes back when Postgres does, perhaps after the overlap.
        await whitelist.markUnanswered(sid, rotation.value.gen).catch((error: unknown) => {
          fastify.log.warn({ err: error }, 'an unanswered rotation could not be marked')
        })
      }
      throw record.reason
    }

    const refresh: Sessions['refresh'] = async ({
      claims: { sid, gen },
      client,
      device_id,
      idempotency_key
    }) => {
      const presented: PresentedGeneration = {
        gen,
        client,
        device_id_hash: device_id === null ? null : digest(device_id),
        idempotency_key_hash: idempotency_key === null ? null : digest(idempotency_key)
      }
      const { rotation: decided, record } = await ask(sid, presented)
      if (!record || record.revoked_reason !== null || record.user_disabled) {
        await spread([sid])
        throw ended(record)
      }
      let rotation = decided
      if (rotation.verdict === 'absent') rotation = await whitelist.rotate(sid, presented, record)
      // Redis was rolled back behind the record, and this is an old token; unless the head moved on while
      // Postgres was answering.
      const behind = record.gen > gen + 1 && (await whitelist.head(sid)) < record.gen
      const verdict = behind && isAccepted(rotation.verdict) ? 'reused' : rotation.verdict

      switch (verdict) {
        case 'rotated': {
          const { rotated_at, refresh_expires_at } = rotation
          const { idempotency_key_hash } = presented
          journal.note({ sid, gen: rotation.gen, rotated_at, refresh_expires_at, idempotency_key_hash })
          return issue(record, rotation)
        }
        case 'replayed':
          return issue(record, rotation)
        case 'reused':
        case 'exhausted':
          await revoke([sid], verdict)
          throw ended({ revoked_reason: verdict })
        case 'expired':
          throw new Problem('session_expired', 'The session reached its absolute end. Log in again.')
        case 'too_many_refreshes':
          throw new Problem('too_many_refreshes', 'This session refreshes too often. Keep it, and wait.', {
            retryAfter: Math.ceil(Number(rotation.kind) / 1000)
          })
        case 'wrong_transport':
          throw new Problem(
            'wrong_transport',
            'A session stays with the transport it was made for: cookie or bearer. Nothing was changed.'
          )
        case 'device_changed':
          throw new Problem('device_changed', 'This session belongs to another device. Log in on this one.')
        case 'absent':
          throw new Error('the rotation script found no entry although it was given one')
      }
    }

    fastify.decorate('sessions', {
      start,
      refresh,
      revoke,
      async revokeAll(user_id, reason, except) {
        const ended = await records.revokeAll(user_id, reason, except)
        await spread(ended)
        return ended
      }
    })
  },
  {
    name: 'sessions',
    dependencies: ['session-whitelist', 'session-records', 'session-journal', 'revocation-feed']
  }
)

const isAccepted = (verdict: Verdict) => verdict === 'rotated' || verdict === 'replayed'

/** The refusal of a session that is over, by why it ended. */
function ended(record: { revoked_reason: string | null; user_disabled?: boolean } | undefined): Problem {
  if (record?.user_disabled) return new Problem('account_disabled', 'This account is disabled.')
  switch (record?.revoked_reason) {
    case 'reused':
      return new Problem(
        'refresh_token_reused',
        'A refresh token that had been exchanged came back, which is how theft shows: the session was ended. Log in again.'
      )
    case 'exhausted':
      return new Problem(
        'session_exhausted',
        'The session was refreshed as often as it may be. Log in again.'
      )
    default:
      return new Problem('session_revoked', 'The session was ended. Log in again.')
  }
}
