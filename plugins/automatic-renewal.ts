import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { ask } from '../lib/store-error.ts'
import type { AccessTokenClaims } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined unless `AUTO_RENEW` is on. */
    renewAutomatically: RenewAutomatically | undefined
  }
}

/**
 * Puts a new access token into the header `X-New-Token` of an answer, where the one it came with is about to
 * expire and its session is live. Never throws: where a store is slow or away, the answer goes without.
 */
export type RenewAutomatically = (reply: FastifyReply, claims: AccessTokenClaims) => Promise<void>

/** A token is about to expire with less than this share of its life left, and less than so many seconds. */
const share = 0.3
const seconds = 300

/** ms before a session's token is renewed again: the answer that carried the new one may have been lost. */
const pause = 10_000

/** ms that an answer may wait for it. */
const deadline = 200

/** Decorates `fastify.renewAutomatically`. */
export default fp(
  async (fastify) => {
    const { accessTokens, sessionWhitelist, sessionRecords } = fastify
    /** Sessions whose renewal this node has just seen to: the others need not ask Redis. */
    const asked = new LRUCache<string, true>({ max: 10_000, ttl: pause })

    const renew = async ({ sid, exp: expiring }: AccessTokenClaims) => {
      const expires_at = await sessionWhitelist.claimRenewal(sid, pause)
      if (expires_at === 0) return undefined
      const record = await sessionRecords.find(sid)
      if (record?.revoked_reason !== null || record.user_disabled) return undefined
      const now = Math.floor(Date.now() / 1000)
      // It must not outlive the session, which only a refresh prolongs.
      const exp = Math.min(now + accessTokens.expires_in, Math.floor(expires_at / 1000))
      return exp > expiring ? accessTokens.sign(record.user, record, { iat: now, exp }) : undefined
    }

    const renewAutomatically: RenewAutomatically = async (reply, claims) => {
      const { sid, iat, exp } = claims
      if (exp - Date.now() / 1000 >= Math.min(seconds, (exp - iat) * share) || asked.has(sid)) return
      asked.set(sid, true)
      try {
        const token = await ask('redis', renew(claims), deadline)
        if (token !== undefined) void reply.headers({ 'x-new-token': token, 'cache-control': 'no-store' })
      } catch (error) {
        fastify.log.debug({ err: error }, 'an access token was not renewed')
      }
    }

    fastify.decorate('renewAutomatically', fastify.configuration.AUTO_RENEW ? renewAutomatically : undefined)
  },
  {
    name: 'automatic-renewal',
    dependencies: ['configuration', 'access-tokens', 'session-whitelist', 'session-records']
  }
)
