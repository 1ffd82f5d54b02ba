import { randomUUID } from 'node:crypto'
import fp from 'fastify-plugin'
import { refusalOfToken, sessionRevoked } from '../lib/access-token-refusal.ts'
import { digest } from '../lib/digest.ts'
import type { RequestOrigin } from '../lib/session.ts'
import type { TokenAnswer } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    renewAccessToken: RenewAccessToken
  }
}

/** An access token that is to be traded for a new one. */
export interface RenewalRequest extends RequestOrigin {
  token: string
  idempotency_key: string | null
}

/**
 * Trades an access token for a new one; every node refuses the old one from then on. Of many at once one does
 * it, and the others get the same: one token has one successor.
 * @throws Problem access_token_invalid, session_revoked
 */
export type RenewAccessToken = (request: RenewalRequest) => Promise<TokenAnswer>

interface Renewal {
  successor_jti: string
  successor_iat: number
  successor_exp: number
}

const columns = 'successor_jti, successor_iat::int, successor_exp::int'

/** Decorates `fastify.renewAccessToken`, for single-token mode: the table `renewed_access_tokens`. */
export default fp(
  async (fastify) => {
    const { accessTokens, sessionRecords, revocationFeed, securityEvents, sessions } = fastify
    const { REFRESH_OVERLAP, REFRESH_IDLE_TTL } = fastify.configuration

    /** @returns the renewal, where it is this one that made it. It also is a use of the session. */
    const insert = async (jti: string, sid: string, renewal: Renewal, key_hash: string | null) => {
      const { successor_jti, successor_iat, successor_exp } = renewal
      const { rows } = await fastify.pg.query<Renewal>({
        name: 'renew access token',
        text: `WITH renewed AS (
                 INSERT INTO renewed_access_tokens
                        (jti, sid, successor_jti, successor_iat, successor_exp, idempotency_key_hash)
                 VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT (jti) DO NOTHING
                 RETURNING sid, ${columns}),
               used AS (
                 UPDATE sessions SET last_used_at = now(),
                        refresh_expires_at = greatest(refresh_expires_at,
                                                      least(now() + make_interval(secs => $7), expires_at))
                  WHERE id IN (SELECT sid FROM renewed) AND revoked_at IS NULL)
               SELECT successor_jti, successor_iat, successor_exp FROM renewed`,
        values: [jti, sid, successor_jti, successor_iat, successor_exp, key_hash, REFRESH_IDLE_TTL]
      })
      return rows[0]
    }

    /** @returns the renewal that another request made, where this one may have its answer */
    const repeat = async (jti: string, key_hash: string | null) => {
      const { rows } = await fastify.pg.query<Renewal>({
        name: 'renewal of access token',
        text: `SELECT ${columns} FROM renewed_access_tokens
                WHERE jti = $1 AND (renewed_at > now() - make_interval(secs => $2) OR idempotency_key_hash = $3)`,
        values: [jti, REFRESH_OVERLAP, key_hash]
      })
      return rows[0]
    }

    fastify.decorate('renewAccessToken', async ({ token, idempotency_key, ...by }) => {
      const { jti, sid, sub } = await accessTokens.verify(token).catch((cause: unknown) => {
        throw refusalOfToken(cause)
      })
      if (revocationFeed.has(sid)) throw sessionRevoked()
      const record = await sessionRecords.find(sid)
      if (record?.revoked_reason !== null || record.user_disabled || record.refresh_expires_at <= Date.now())
        throw sessionRevoked()

      const iat = Math.floor(Date.now() / 1000)
      const exp = Math.min(iat + accessTokens.expires_in, Math.floor(record.expires_at / 1000))
      const key_hash = idempotency_key === null ? null : digest(idempotency_key)
      const successor = { successor_jti: randomUUID(), successor_iat: iat, successor_exp: exp }
      const renewal = (await insert(jti, sid, successor, key_hash)) ?? (await repeat(jti, key_hash))
      if (!renewal) {
        // As with a refresh token: somebody else has it, or had it (RFC 9700 §4.14.2).
        securityEvents.record({ ...by, type: 'access_token_reused', user_id: sub, sid })
        await sessions.revoke([sid], 'reused', by)
        throw sessionRevoked()
      }

      revocationFeed.remember([jti])
      await revocationFeed.publish([jti]).catch((error: unknown) => {
        // They hear of it from Postgres, within seconds.
        fastify.log.warn({ err: error }, 'other nodes were not told of a renewed access token')
      })
      const claims = {
        jti: renewal.successor_jti,
        iat: renewal.successor_iat,
        exp: renewal.successor_exp
      }
      return {
        access_token: accessTokens.sign(record.user, record, claims),
        token_type: 'Bearer',
        expires_in: Math.max(0, claims.exp - Math.floor(Date.now() / 1000)),
        session_id: sid,
        user: record.user
      }
    })
  },
  { name: 'token-renewal', dependencies: ['sessions', 'access-tokens', 'revocation-feed', 'migrations'] }
)
