import { givesSlotsTo, isInSync, isUsable, portOf, trusts } from './cluster-view.ts'
import { type RedisHandle, startRedis } from './redis.ts'
import { until } from './until.ts'

const masters = 3
const slots = 16_384

export interface ClusterSet {
  /** redis-cluster://127.0.0.1:p1,…,127.0.0.1:p6 */
  readonly url: string
  /** All six, in the order of their start: roles move, handles stay. */
  readonly nodes: readonly RedisHandle[]
  /** The node that serves the key, by the view of a running node; for a while after its death still the dead one. */
  masterOf(key: string): Promise<RedisHandle>
  /** SIGKILLs the node that serves the key and gives its handle, to wait for the failover from it and to restart it. */
  killMasterOf(key: string): Promise<RedisHandle>
  /** Resolves once every running node sees the cluster as usable and no slot with the given node. */
  waitForFailover(from: RedisHandle): Promise<void>
  /** Resolves once all six nodes run, see each other, and the replicas are in sync. */
  waitUntilHealthy(): Promise<void>
  close(): Promise<void>
}

export interface ClusterSettings {
  /** Directives for every node, such as ['--cluster-require-full-coverage', 'no']. */
  args?: string[]
  nodeTimeoutMilliseconds?: number
}

/** Starts three masters with a replica each. A node keeps its place in the cluster when it loses its data. */
export async function startCluster({
  args = [],
  nodeTimeoutMilliseconds = 1_500
}: ClusterSettings = {}): Promise<ClusterSet> {
  const nodes: RedisHandle[] = []
  const running = () => nodes.filter(({ state }) => state === 'running')

  const masterOf = async (key: string): Promise<RedisHandle> => {
    const [witness] = running()
    if (!witness) throw new Error('No node is running')
    const slot = await witness.client().cluster('KEYSLOT', key)
    const owner = await portOf(witness, slot)
    const master = nodes.find(({ port }) => port === owner)
    if (!master) throw new Error(`No node serves slot ${slot}`)
    return master
  }

  const cluster: ClusterSet = {
    get url() {
      return `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join()}`
    },
    nodes,
    masterOf,
    async killMasterOf(key) {
      const killed = await masterOf(key)
      await killed.kill('SIGKILL')
      return killed
    },
    async waitForFailover(from) {
      await until(`a failover from port ${from.port}`, () =>
        agree(running(), async (node) => (await isUsable(node)) && !(await givesSlotsTo(node, from.port)))
      )
    },
    async waitUntilHealthy() {
      const isHealthy = async (node: RedisHandle) =>
        (await trusts(node, nodes.length)) && (await isUsable(node)) && (await isInSync(node))
      await until('all nodes to see each other in sync', () => agree(nodes, isHealthy), { within: 60_000 })
    },
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
    }
  }

  try {
    const directives = {
      'cluster-enabled': 'yes',
      'cluster-config-file': '../nodes.conf', // beside the data, not in it
      'cluster-node-timeout': String(nodeTimeoutMilliseconds)
    }
    const clusterArgs = Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value])
    for (let node = 0; node < 2 * masters; node++) {
      nodes.push(await startRedis({ args: [...clusterArgs, ...args] }))
    }
    await join(nodes)
    await cluster.waitUntilHealthy()
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

/** What `redis-cli --cluster create` does, without its pauses. */
async function join(nodes: RedisHandle[]): Promise<void> {
  const clients = nodes.map((node) => node.client())
  const identities = await Promise.all(clients.map((client) => client.cluster('MYID')))
  await Promise.all(
    clients.map(async (client, index) => {
      await client.cluster('SET-CONFIG-EPOCH', index + 1)
      if (index < masters) await client.cluster('ADDSLOTS', slotsOf(index))
    })
  )
  for (const { port } of nodes.slice(1)) await clients[0]?.cluster('MEET', '127.0.0.1', port)
  await until('all nodes to have met', () => agree(nodes, (node) => trusts(node, nodes.length)))
  await Promise.all(
    clients.slice(masters).map((client, index) => client.cluster('REPLICATE', identities[index] ?? ''))
  )
}

function slotsOf(master: number): number[] {
  const first = Math.ceil((master * slots) / masters)
  const next = Math.ceil(((master + 1) * slots) / masters)
  return Array.from({ length: next - first }, (_, offset) => first + offset)
}

async function agree(
  nodes: RedisHandle[],
  opinion: (node: RedisHandle) => Promise<boolean>
): Promise<boolean> {
  const opinions = await Promise.all(nodes.map(opinion))
  return opinions.length > 0 && opinions.every(Boolean)
}
