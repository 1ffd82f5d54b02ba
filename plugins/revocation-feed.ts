import fp from 'fastify-plugin'
import { createRevocationLog, revocationFingerprint } from '../lib/revocation-log.ts'
import { ask } from '../lib/store-error.ts'
import { maximumAccessTokenTtl } from '../schemas/configuration.ts'
import type { Revocations } from '../schemas/revocations.ts'

declare module 'fastify' {
  interface FastifyInstance {
    revocationFeed: RevocationFeed
  }
}

/** Ids are sessions (`sid`), single access tokens that were renewed (`jti`), and signing keys (`kid`). */
export interface RevocationFeed {
  /** Whether it was revoked within the longest lifetime of an access token. Asks no store. */
  has(id: string): boolean
  /** Refuses on this node what Postgres has as revoked. */
  remember(ids: readonly string[]): void
  /** Tells the other nodes. */
  publish(ids: readonly string[]): Promise<void>
  /**
   * What other services are told: the fingerprints of what was revoked since a time, or of all that is remembered.
   * @param time ms, the `as_of` of an earlier answer, of this node or another
   */
  since(time?: number): Revocations
  /** @returns what ends it */
  listen(listener: (revocations: Revocations) => void): () => void
}

/** ms between two readings of Postgres: the longest that a node can miss a revocation. */
const reconcileInterval = 2000

/** Seconds by which a revocation may become visible later than its `revoked_at` says. */
const visibilityLag = 30

/**
 * Seconds after which every access token of what was revoked has expired. Not by the setting of today: tokens that
 * were signed under a longer one may still be out.
 */
const remember_for = maximumAccessTokenTtl + visibilityLag

/** ms by which the clocks of nodes may differ. */
const clockSkew = 10_000

/**
 * Decorates `fastify.revocationFeed`: the ids of sessions that ended lately, in the memory of every node,
 * loaded from Postgres, fed by a Redis channel and reconciled with Postgres, so that a lost message heals.
 */
export default fp(
  async (fastify) => {
    const { REDIS_PREFIX, STORE_TIMEOUT } = fastify.configuration
    const channel = `${REDIS_PREFIX}revoked`
    const log = createRevocationLog(revocationFingerprint)
    const listeners = new Set<(revocations: Revocations) => void>()
    let seenUntil: Date | undefined
    /** What was revoked before this is in the log. */
    let reconciledAt = Date.now()

    const answer = (revoked: string[]): Revocations => ({
      revoked,
      as_of: new Date(reconciledAt).toISOString(),
      remember_for
    })

    const learn = (ids: readonly string[], learned_from: 'self' | 'channel' | 'record') => {
      const unknown = log.add(ids, Date.now())
      if (unknown.length === 0) return
      fastify.metrics.revocations.inc({ learned_from }, unknown.length)
      if (listeners.size === 0) return
      const news = answer(unknown.map(revocationFingerprint))
      for (const listener of listeners) listener(news)
    }

    const since = 'coalesce($1::timestamptz, now() - make_interval(secs => $2)) - make_interval(secs => $3)'
    const reconcile = async () => {
      const startedAt = Date.now()
      const { rows } = await fastify.pg.query<{ id: string; revoked_at: Date }>({
        name: 'revoked since',
        text: `SELECT id::text, revoked_at FROM sessions WHERE revoked_at > ${since}
                UNION ALL
               SELECT jti::text, renewed_at FROM renewed_access_tokens WHERE renewed_at > ${since}
                UNION ALL
               SELECT kid, revoked_at FROM signing_keys WHERE revoked_at > ${since}`,
        values: [seenUntil, maximumAccessTokenTtl, visibilityLag]
      })
      reconciledAt = startedAt
      learn(
        rows.map(({ id }) => id),
        'record'
      )
      for (const { revoked_at } of rows) if (!seenUntil || revoked_at > seenUntil) seenUntil = revoked_at
      log.forget(startedAt - remember_for * 1000)
    }

    let reconciling: Promise<void> | undefined
    const reconcileQuietly = () => {
      reconciling ??= reconcile()
        .catch((error: unknown) => {
          fastify.log.warn({ err: error }, 'revocations can not be read from Postgres')
        })
        .finally(() => (reconciling = undefined))
    }

    const subscriber = fastify.connectSubscriber()
    subscriber.on('error', (error: Error) => {
      fastify.log.debug({ err: error }, 'connection of the revocation feed')
    })
    subscriber.on('message', (_channel: string, message: string) => {
      learn(message.split(','), 'channel')
    })
    // Again and again: a listener asks nothing else, so it would never notice a server that hangs or forgot it.
    const listen = () => {
      if (subscriber.status !== 'ready') return
      ask('redis', subscriber.subscribe(channel), STORE_TIMEOUT * 1000).catch((error: unknown) => {
        fastify.log.debug({ err: error }, 'the revocation feed can not listen')
        if (subscriber.status === 'ready') subscriber.disconnect(true)
      })
    }
    subscriber.on('ready', () => {
      listen()
      // What was published while the connection was away.
      reconcileQuietly()
    })

    await reconcile()
    await subscriber.subscribe(channel)
    const timer = setInterval(() => {
      listen()
      reconcileQuietly()
    }, reconcileInterval)
    timer.unref()
    fastify.addHook('onClose', async () => {
      clearInterval(timer)
      await reconciling
    })

    fastify.metrics.gauge(
      'latchkey_revocations_remembered',
      'Ended sessions in memory',
      () => log.size,
      'max'
    )
    fastify.metrics.gauge(
      'latchkey_revocation_lag_seconds',
      'Time since the revocations were last reconciled with Postgres: the longest that one can be missed',
      () => (Date.now() - reconciledAt) / 1000,
      'max'
    )

    fastify.decorate('revocationFeed', {
      has: (id) => log.has(id),
      remember: (ids) => {
        learn(ids, 'self')
      },
      async publish(ids) {
        if (ids.length > 0) await fastify.redisClient.publish(channel, ids.join(','))
      },
      // Nodes hear of things at times of their own: more than once is no harm, never would be.
      since: (time) => answer(log.since((time ?? 0) - clockSkew)),
      listen(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
    })
  },
  { name: 'revocation-feed', dependencies: ['postgres', 'migrations', 'redis', 'metrics'] }
)
