import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { digest } from '../lib/digest.ts'
import { networkOf } from '../lib/network.ts'
import { Problem } from '../lib/problem.ts'
import { refusalOf } from '../lib/session-refusal.ts'
import type { IssuedTokens, RequestOrigin } from '../lib/session.ts'
import { StoreUnavailable } from '../lib/store-error.ts'
import type { PresentedGeneration, Verdict } from '../lua/index.ts'
import type { Client } from '../schemas/common.ts'
import type { RefreshTokenClaims } from '../schemas/tokens.ts'
import type { SecurityEvent } from './security-events.ts'
import type { SessionRecord } from './session-records.ts'

declare module 'fastify' {
  interface FastifyInstance {
    refreshSession: RefreshSession
  }
}

/** A refresh token whose signature was verified, and what came with it. */
export interface RefreshRequest extends RequestOrigin {
  claims: RefreshTokenClaims
  client: Client
  device_id: string | null
  idempotency_key: string | null
}

/**
 * Exchanges a refresh token. Does NOT check its signature.
 * @throws Problem for every verdict but rotated and replayed; docs/how-refresh-works.md lists them
 */
export type RefreshSession = (request: RefreshRequest) => Promise<IssuedTokens>

/** Records remembered for `REFRESH_STALE_OK`. */
const staleLimit = 100_000

/** Decorates `fastify.refreshSession`: the whitelist decides, the record vouches, both asked at the same time. */
export default fp(
  async (fastify) => {
    const { sessionWhitelist: whitelist, sessionRecords: records, sessionJournal: journal } = fastify
    const { redisFollowUp, securityEvents, metrics } = fastify
    const stale_ok = fastify.configuration.REFRESH_STALE_OK * 1000
    const seenGood =
      stale_ok > 0 ? new LRUCache<string, SessionRecord>({ max: staleLimit, ttl: stale_ok }) : undefined

    /** What may stand in for a record while Postgres is down. */
    const staleRecord = (sid: string, error: unknown) =>
      error instanceof StoreUnavailable && !fastify.revocationFeed.has(sid) ? seenGood?.get(sid) : undefined

    const ask = async (sid: string, presented: PresentedGeneration) => {
      const [rotation, found] = await Promise.allSettled([
        whitelist.rotate(sid, presented),
        records.find(sid)
      ])
      if (rotation.status === 'rejected') throw rotation.reason
      if (found.status === 'fulfilled') {
        if (found.value) seenGood?.set(sid, found.value)
        return { rotation: rotation.value, record: found.value }
      }
      const record = rotation.value.verdict === 'absent' ? undefined : staleRecord(sid, found.reason)
      if (record) return { rotation: rotation.value, record }
      throw found.reason
    }

    /** The verdict of the script, unless Redis has been rolled back behind the record. */
    const verdictOn = async (
      sid: string,
      gen: number,
      verdict: Verdict,
      record: SessionRecord
    ): Promise<Verdict> => {
      if (record.gen <= gen + 1 || (verdict !== 'rotated' && verdict !== 'replayed')) return verdict
      if ((await whitelist.head(sid)) < record.gen) return 'reused'
      // Another request moved the head on meanwhile, so whether this token was old can't be told: no verdict.
      throw new Problem(
        'temporarily_unavailable',
        'The session has just moved on. Try again with its newest token.',
        {
          retryAfter: 1
        }
      )
    }

    fastify.decorate(
      'refreshSession',
      async ({ claims: { sid, gen }, client, device_id, idempotency_key, ...by }) => {
        const presented: PresentedGeneration = {
          gen,
          client,
          device_id_hash: device_id === null ? null : digest(device_id),
          idempotency_key_hash: idempotency_key === null ? null : digest(idempotency_key),
          network: networkOf(by.ip)
        }
        const { rotation: decided, record } = await ask(sid, presented)
        if (record?.revoked_reason !== null || record.user_disabled) {
          metrics.refreshes.inc({ verdict: 'revoked', kind: '' })
          seenGood?.delete(sid)
          await redisFollowUp.sessionsEnded([sid])
          throw refusalOf(record)
        }
        const rotation =
          decided.verdict === 'absent' ? await whitelist.rotate(sid, presented, record) : decided
        const verdict = await verdictOn(sid, gen, rotation.verdict, record)
        const { kind } = rotation
        metrics.refreshes.inc({ verdict, kind: verdict === 'rotated' || verdict === 'replayed' ? kind : '' })
        const recordEvent = (type: SecurityEvent['type']) => {
          securityEvents.record({ ...by, type, user_id: record.user.id, sid })
        }

        switch (verdict) {
          case 'rotated': {
            const { rotated_at, refresh_expires_at } = rotation
            const { idempotency_key_hash } = presented
            redisFollowUp.answered(sid, rotation.gen)
            journal.note({ sid, gen: rotation.gen, rotated_at, refresh_expires_at, idempotency_key_hash })
            return { verdict, ...fastify.issueTokens(record, rotation) }
          }
          case 'replayed':
            redisFollowUp.answered(sid, rotation.gen)
            if (rotation.network !== '' && rotation.network !== presented.network) {
              recordEvent('refresh_replayed_from_other_network')
            }
            return { verdict, ...fastify.issueTokens(record, rotation) }
          case 'reused':
          case 'exhausted':
            if (verdict === 'reused') recordEvent('refresh_token_reused')
            await fastify.sessions.revoke([sid], verdict, by)
            throw refusalOf({ revoked_reason: verdict, user_disabled: false })
          case 'expired':
            throw new Problem('session_expired', 'The session reached its absolute end. Log in again.')
          case 'too_many_refreshes':
            throw new Problem('too_many_refreshes', 'This session refreshes too often. Keep it, and wait.', {
              retryAfter: Math.ceil(Number(kind) / 1000)
            })
          case 'wrong_transport':
            throw new Problem(
              'wrong_transport',
              'A session stays with the transport it was made for: cookie or bearer. Nothing was changed.'
            )
          case 'device_changed':
            recordEvent('device_changed')
            throw new Problem('device_changed', 'This session belongs to another device. Log in on this one.')
          case 'absent':
            throw new Error('the rotation script found no entry although it was given one')
        }
      }
    )
  },
  { name: 'session-refresh', dependencies: ['sessions', 'session-journal'] }
)
