import fp from 'fastify-plugin'
import { Cluster } from 'ioredis'
import { ask } from '../lib/store-error.ts'
import type { RedisClient } from '../lua/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    revocationFeed: RevocationFeed
  }
}

export interface RevocationFeed {
  /** Whether the session ended within the last lifetime of an access token. Asks no store. */
  has(sid: string): boolean
  /** Refuses the access tokens of sessions that Postgres has as ended, on this node. */
  remember(sids: readonly string[]): void
  /** Tells the other nodes. */
  publish(sids: readonly string[]): Promise<void>
}

/** ms between two readings of Postgres: the longest that a node can miss a revocation. */
const reconcileInterval = 2000

/** Seconds by which a revocation may become visible later than its `revoked_at` says. */
const visibilityLag = 30

/**
 * Decorates `fastify.revocationFeed`: the ids of sessions that ended lately, in the memory of every node,
 * loaded from Postgres, fed by a Redis channel and reconciled with Postgres, so that a lost message heals.
 */
export default fp(
  async (fastify) => {
    const { ACCESS_TOKEN_TTL, REDIS_PREFIX, STORE_TIMEOUT } = fastify.configuration
    const channel = `${REDIS_PREFIX}revoked`
    /** id → ms at which every access token of it has expired */
    const ended = new Map<string, number>()
    let seenUntil: Date | undefined
    let reconciledAt = Date.now()

    const learn = (sids: readonly string[], learned_from: 'self' | 'channel' | 'record') => {
      const unknown = sids.filter((sid) => !ended.has(sid))
      fastify.metrics.revocations.inc({ learned_from }, unknown.length)
      for (const sid of unknown) ended.set(sid, Date.now() + (ACCESS_TOKEN_TTL + visibilityLag) * 1000)
    }

    const reconcile = async () => {
      const { rows } = await fastify.pg.query<{ id: string; revoked_at: Date }>({
        name: 'sessions revoked since',
        text: `SELECT id, revoked_at FROM sessions
                WHERE revoked_at > coalesce($1::timestamptz, now() - make_interval(secs => $2))
                                   - make_interval(secs => $3)`,
        values: [seenUntil, ACCESS_TOKEN_TTL, visibilityLag]
      })
      learn(
        rows.map(({ id }) => id),
        'record'
      )
      for (const { revoked_at } of rows) if (!seenUntil || revoked_at > seenUntil) seenUntil = revoked_at
      reconciledAt = Date.now()
      for (const [id, until] of ended) if (until < reconciledAt) ended.delete(id)
    }

    let reconciling: Promise<void> | undefined
    const reconcileQuietly = () => {
      reconciling ??= reconcile()
        .catch((error: unknown) => {
          fastify.log.warn({ err: error }, 'revocations can not be read from Postgres')
        })
        .finally(() => (reconciling = undefined))
    }

    const subscriber = subscriberOf(fastify.redisClient)
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
      subscriber.disconnect()
      await reconciling
    })

    fastify.metrics.gauge('latchkey_revocations_remembered', 'Ended sessions in memory', () => ended.size)
    fastify.metrics.gauge(
      'latchkey_revocation_lag_seconds',
      'Time since the revocations were last reconciled with Postgres: the longest that one can be missed',
      () => (Date.now() - reconciledAt) / 1000
    )

    fastify.decorate('revocationFeed', {
      has: (sid) => ended.has(sid),
      remember: (sids) => {
        learn(sids, 'self')
      },
      async publish(sids) {
        if (sids.length > 0) await fastify.redisClient.publish(channel, sids.join(','))
      }
    })
  },
  { name: 'revocation-feed', dependencies: ['postgres', 'migrations', 'redis', 'metrics'] }
)

/** A connection that only listens, and waits for Redis as long as it takes. */
function subscriberOf(client: RedisClient): RedisClient {
  if (client instanceof Cluster) return client.duplicate([], { enableOfflineQueue: true })
  return client.duplicate({
    enableOfflineQueue: true,
    enableAutoPipelining: false,
    maxRetriesPerRequest: null,
    // It would forget a channel whose subscription stayed unanswered, and reject where nobody catches it.
    autoResubscribe: false,
    connectionName: 'latchkey revocations'
  })
}
