import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { reservePlace } from './place.ts'
import { type RedisHandle, serve, startRedis } from './redis.ts'
import { name, primaryPort, seesAll } from './sentinel-view.ts'
import { until } from './until.ts'

export interface SentinelSet {
  /** redis-sentinel://127.0.0.1:p1,127.0.0.1:p2,127.0.0.1:p3/latchkey */
  readonly url: string
  /** The primary and the replicas, in the order of their start: roles move, handles stay. */
  readonly servers: readonly RedisHandle[]
  readonly sentinels: readonly RedisHandle[]
  /** The server that the sentinels name as primary; for a while after its death they still name the dead one. */
  primary(): Promise<RedisHandle>
  /** SIGKILLs the primary and gives its handle, to wait for the failover from it and to restart it. */
  killPrimary(): Promise<RedisHandle>
  /** Gives the new primary once every running sentinel names it and it accepts writes. */
  waitForFailover(from: RedisHandle): Promise<RedisHandle>
  /**
   * Resolves once a failover could succeed: all sentinels see each other and every server, in sync with the
   * primary. A killed server has to be restarted first.
   */
  waitUntilHealthy(): Promise<void>
  close(): Promise<void>
}

export interface SentinelSettings {
  /** Directives for the three servers, such as ['--min-replicas-to-write', '1']. */
  args?: string[]
  /**
   * Keep it above the second in which a sentinel opens no new connection to the same server: below, a new
   * primary is often taken for dead as soon as it is promoted (redis/redis#8607).
   */
  downAfterMilliseconds?: number
  failoverTimeoutMilliseconds?: number
}

/** Starts one primary, two replicas and three sentinels with a quorum of two. */
export async function startSentinelSet({
  args = [],
  downAfterMilliseconds = 1_500,
  failoverTimeoutMilliseconds = 3_000
}: SentinelSettings = {}): Promise<SentinelSet> {
  const servers: RedisHandle[] = []
  const sentinels: RedisHandle[] = []

  const serverAt = (port: number): RedisHandle => {
    const server = servers.find((candidate) => candidate.port === port)
    if (!server) throw new Error(`The sentinels name port ${port}, which is none of the set`)
    return server
  }
  const namedPrimaries = () =>
    Promise.all(
      sentinels
        .filter(({ state }) => state === 'running')
        .map(async (sentinel) => serverAt(await primaryPort(sentinel)))
    )
  const primary = async () => {
    const [named] = await namedPrimaries()
    if (!named) throw new Error('No sentinel is running')
    return named
  }

  const set: SentinelSet = {
    get url() {
      return `redis-sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join()}/${name}`
    },
    servers,
    sentinels,
    primary,
    async killPrimary() {
      const killed = await primary()
      await killed.kill('SIGKILL')
      return killed
    },
    waitForFailover: (from) =>
      until(`a failover from port ${from.port}`, async () => {
        const [named, ...others] = await namedPrimaries()
        if (!named || named === from || others.some((other) => other !== named)) return undefined
        const [role] = await named.client().role()
        return role === 'master' ? named : undefined
      }),
    async waitUntilHealthy() {
      await until(
        'all sentinels to see every server in sync',
        async () => {
          const verdicts = await Promise.all(
            sentinels.map((sentinel) => seesAll(sentinel, sentinels.length, servers.length))
          )
          return verdicts.every(Boolean)
        },
        { within: 60_000 }
      )
    },
    async close() {
      await Promise.all([...sentinels, ...servers].map((handle) => handle.close()))
    }
  }

  try {
    const first = await startRedis({ args })
    servers.push(first)
    const replicaOf = ['--replicaof', '127.0.0.1', String(first.port)]
    for (let replica = 0; replica < 2; replica++) {
      servers.push(await startRedis({ args: [...args, ...replicaOf] }))
    }
    await until('both replicas to be in sync', async () => {
      const replication = await first.client().info('replication')
      return replication.match(/state=online/g)?.length === 2
    })
    for (let sentinel = 0; sentinel < 3; sentinel++) {
      sentinels.push(await startSentinel(first.port, { downAfterMilliseconds, failoverTimeoutMilliseconds }))
    }
    // News every second instead of ten: the set is whole again three seconds after a restart, not twenty. How
    // a dead primary is detected and replaced stays as in production.
    for (const sentinel of sentinels) {
      await sentinel.client().call('SENTINEL', 'DEBUG', 'info-period', '1000', 'publish-period', '500')
    }
    await set.waitUntilHealthy()
    return set
  } catch (error) {
    await set.close()
    throw error
  }
}

async function startSentinel(
  primary: number,
  settings: { downAfterMilliseconds: number; failoverTimeoutMilliseconds: number }
): Promise<RedisHandle> {
  const place = await reservePlace()
  const configuration = join(place.folder, 'sentinel.conf') // the sentinel rewrites it
  await writeFile(
    configuration,
    `port ${place.port}
bind 127.0.0.1
sentinel monitor ${name} 127.0.0.1 ${primary} 2
sentinel down-after-milliseconds ${name} ${settings.downAfterMilliseconds}
sentinel failover-timeout ${name} ${settings.failoverTimeoutMilliseconds}
`
  )
  return serve(place, [configuration, '--sentinel'])
}
