import redis from '@fastify/redis'
import fp from 'fastify-plugin'
import { Cluster, Redis } from 'ioredis'
import { defineScripts, type RedisClient } from '../lua/index.ts'
import type { Configuration } from '../schemas/configuration.ts'

declare module 'fastify' {
  interface FastifyInstance {
    redisClient: RedisClient
    /** A connection of its own that only listens, and waits for Redis as long as it takes. Closed with the server. */
    connectSubscriber(): RedisClient
  }
}

/**
 * A rotation whose answer was lost is the client's to repeat, never ours: a resent or queued rotation
 * could run long after its request was answered with 503, and would then look like an old token.
 */
function clientOptions({ STORE_TIMEOUT }: Configuration) {
  return {
    commandTimeout: STORE_TIMEOUT * 1000,
    connectTimeout: STORE_TIMEOUT * 1000,
    // A server that hangs never closes its socket: leave it, or a failover would go unnoticed.
    socketTimeout: STORE_TIMEOUT * 1000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    connectionName: 'latchkey',
    retryStrategy,
    // A replica answers READONLY after a failover behind one address: look the primary up again.
    reconnectOnError: onceASecond((error) => error.message.startsWith('READONLY'))
  }
}

/** Every answer may be READONLY for a while, and each would cost the connection and what is under way on it. */
function onceASecond(isReason: (error: Error) => boolean): (error: Error) => boolean {
  let last = -Infinity
  return (error) => {
    if (!isReason(error) || performance.now() - last < 1000) return false
    last = performance.now()
    return true
  }
}

/** ms until the next attempt: doubling up to half a second, with jitter so that nodes do not come back as one. */
function retryStrategy(attempt: number): number {
  return Math.min(25 * 2 ** attempt, 500) * (0.5 + Math.random() / 2)
}

/** One Redis, a Sentinel set or a Cluster, by the form of the URL (docs/configuration.md). */
function connect(configuration: Configuration): RedisClient {
  const { REDIS_URL = '' } = configuration
  const options = clientOptions(configuration)
  if (REDIS_URL.startsWith('unix://'))
    return new Redis({ ...options, path: REDIS_URL.slice('unix://'.length) })

  const several = /^redis-(sentinel|cluster):\/\/(?:([^@/]*)@)?([^/]+)(?:\/(.*))?$/.exec(REDIS_URL)
  if (!several) return new Redis(REDIS_URL, options)

  const [, form, credentials = '', hosts = '', name = 'mymaster'] = several
  const [username, password] = credentials.split(':').map(decodeURIComponent)
  const credentialOptions = { ...(username ? { username } : {}), ...(password ? { password } : {}) }
  const nodes = hosts.split(',').map((host) => {
    const { hostname, port } = new URL(`tcp://${host}`)
    return { host: hostname, port: Number(port || (form === 'sentinel' ? 26379 : 6379)) }
  })
  if (form === 'sentinel') {
    return new Redis({
      ...options,
      ...credentialOptions,
      sentinels: nodes,
      name,
      // One frozen sentinel must not keep us from asking the next.
      sentinelCommandTimeout: 500,
      sentinelRetryStrategy: retryStrategy
    })
  }
  return new Cluster(nodes, {
    redisOptions: { ...options, ...credentialOptions },
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    clusterRetryStrategy: retryStrategy,
    // Here too nothing is sent twice but what a node did not take (MOVED, ASK).
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: 1000
  })
}

/** A connection that only listens. */
function subscriberOf(client: RedisClient): RedisClient {
  if (client instanceof Cluster)
    return client.duplicate([], { enableOfflineQueue: true, slotsRefreshInterval: 0 })
  return client.duplicate({
    enableOfflineQueue: true,
    enableAutoPipelining: false,
    maxRetriesPerRequest: null,
    // It would forget a channel whose subscription stayed unanswered, and reject where nobody catches it.
    autoResubscribe: false,
    connectionName: 'latchkey subscriber'
  })
}

/** ms after which a Cluster is asked again which node has which slots. */
const slotsInterval = 1000

/**
 * Has a client of a Cluster ask again and again which node has which slots; of one Redis there is nothing to ask.
 * The `slotsRefreshInterval` of ioredis would too, but goes on for good, and keeps the process alive, where the client
 * is disconnected in the moment in which it asks.
 * @returns what ends it
 */
function refreshSlots(client: RedisClient): () => void {
  if (!(client instanceof Cluster)) return () => undefined
  const timer = setInterval(() => {
    if (client.status === 'ready') client.refreshSlotsCache()
  }, slotsInterval)
  return () => {
    clearInterval(timer)
  }
}

/** ms for Redis to answer at start: less than Fastify gives a plugin, so that who waits is told for what. */
const readyWithin = 5000

/** @throws where Redis does not answer, with the last reason */
async function untilReady(client: RedisClient): Promise<void> {
  if (client.status === 'ready') return
  await new Promise<void>((resolve, reject) => {
    let cause: Error | undefined
    const timer = setTimeout(() => {
      reject(new Error('Redis does not answer: is REDIS_URL right, and does it run?', { cause }))
    }, readyWithin)
    client.on('error', (error: Error) => {
      cause = error
    })
    client.once('ready', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/**
 * Decorates `fastify.redisClient`, with the scripts loaded.
 * @param options.redisClient a client made by the caller, who also closes it
 */
export default fp<{ redisClient?: RedisClient | undefined }>(
  async (fastify, options) => {
    const client = options.redisClient ?? connect(fastify.configuration)
    client.on('error', (error: Error) => {
      fastify.log.warn({ err: error }, 'Redis connection error')
    })
    const own = (client: RedisClient) => {
      const stopRefreshing = refreshSlots(client)
      fastify.addHook('onClose', async () => {
        stopRefreshing()
        client.disconnect()
      })
    }
    if (!options.redisClient) own(client)
    await untilReady(client)
    defineScripts(client)
    // An own `redis`, so that one that the host app has registered is neither used nor in the way.
    fastify.decorate('redis', Object.create(null) as typeof fastify.redis)
    await fastify.register(redis, { client, namespace: 'latchkey' })
    fastify.decorate<RedisClient>('redisClient', client)
    fastify.decorate('connectSubscriber', () => {
      const subscriber = subscriberOf(client)
      own(subscriber)
      return subscriber
    })
  },
  { name: 'redis', dependencies: ['configuration'] }
)
