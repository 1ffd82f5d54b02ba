import { Cluster, Redis } from 'ioredis'

/** One Redis, or a Cluster (`redis-cluster://host:port,…`, without credentials), as `REDIS_URL` names it. */
export function connectRedis(url: string): Redis | Cluster {
  const [, hosts] = /^redis-cluster:\/\/(.+)$/.exec(url) ?? []
  if (hosts === undefined) return new Redis(url.replace('unix://', ''), { enableAutoPipelining: true })
  const nodes = hosts.split(',').map((host) => {
    const { hostname, port } = new URL(`tcp://${host}`)
    return { host: hostname, port: Number(port || 6379) }
  })
  return new Cluster(nodes, { enableAutoPipelining: true })
}

/** The servers that hold keys of their own. */
export async function mastersOf(client: Redis | Cluster): Promise<Redis[]> {
  if (!(client instanceof Cluster)) return [client]
  // It knows its servers once one has answered.
  await client.ping()
  return client.nodes('master')
}

/** Removes every key that begins so. */
export async function removeKeys(url: string, prefix: string): Promise<void> {
  const client = connectRedis(url)
  for (const master of await mastersOf(client)) {
    const found = master.scanStream({ match: `${prefix}*`, count: 1000 }) as AsyncIterable<string[]>
    // One key a command: in a Cluster they lie in many slots.
    for await (const keys of found) await Promise.all(keys.map((key) => client.unlink(key)))
  }
  client.disconnect()
}
