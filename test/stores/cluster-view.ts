import type { RedisHandle } from './redis.ts'

interface Member {
  port: number
  flags: string[]
  ranges: [first: number, last: number][]
}

/** The port that serves the slot, as this node sees it. */
export async function portOf(node: RedisHandle, slot: number): Promise<number | undefined> {
  const isOwned = ({ ranges }: Member) => ranges.some(([first, last]) => first <= slot && slot <= last)
  return (await viewOf(node)).find(isOwned)?.port
}

export async function givesSlotsTo(node: RedisHandle, port: number): Promise<boolean> {
  return (await viewOf(node)).some((member) => member.port === port && member.ranges.length > 0)
}

/** Knows that many members, itself included, and none that fails or that it has yet to meet. */
export async function trusts(node: RedisHandle, count: number): Promise<boolean> {
  const distrusted = ['fail', 'fail?', 'handshake', 'noaddr']
  const view = await viewOf(node)
  return view.length === count && !view.some(({ flags }) => flags.some((flag) => distrusted.includes(flag)))
}

export async function isUsable(node: RedisHandle): Promise<boolean> {
  const state = await node.client().cluster('INFO')
  return state.includes('cluster_state:ok')
}

/** A replica has its master, or a master has a replica. */
export async function isInSync(node: RedisHandle): Promise<boolean> {
  const replication = await node.client().info('replication')
  return replication.includes('master_link_status:up') || replication.includes('state=online')
}

/** Lines of `<id> <ip:port@cport> <flags> <master> <ping> <pong> <epoch> <link> <slot> <first-last> …`. */
async function viewOf(node: RedisHandle): Promise<Member[]> {
  const lines = String(await node.client().cluster('NODES'))
    .trim()
    .split('\n')
  return lines.map((line) => {
    const [, address = '', flags = '', , , , , , ...owned] = line.split(' ')
    return { port: Number(/:(\d+)@/.exec(address)?.[1]), flags: flags.split(','), ranges: owned.map(rangeOf) }
  })
}

function rangeOf(text: string): [first: number, last: number] {
  const [first = NaN, last = first] = text.split('-').map(Number)
  return [first, last]
}
