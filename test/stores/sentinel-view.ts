import type { RedisHandle } from './redis.ts'

/** What the sentinels call the set. */
export const name = 'latchkey'

/** The port of the primary, as this sentinel sees it. */
export async function primaryPort(sentinel: RedisHandle): Promise<number> {
  const address = await sentinel.client().call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)
  if (!Array.isArray(address)) throw new Error('The sentinel knows no primary')
  return Number(address[1])
}

/** Whether this sentinel could carry out a failover to any of the replicas. */
export async function seesAll(sentinel: RedisHandle, sentinels: number, servers: number): Promise<boolean> {
  const client = sentinel.client()
  await client.call('SENTINEL', 'CKQUORUM', name) // rejects where no majority could be had
  const primary = fields(await client.call('SENTINEL', 'MASTER', name))
  const replies = await client.call('SENTINEL', 'REPLICAS', name)
  const replicas = Array.isArray(replies) ? replies.map(fields) : []
  return (
    primary.get('flags') === 'master' &&
    primary.get('num-other-sentinels') === String(sentinels - 1) &&
    replicas.length === servers - 1 &&
    replicas.every(
      (replica) => replica.get('flags') === 'slave' && replica.get('master-link-status') === 'ok'
    )
  )
}

/** Names and values come in turns. */
function fields(reply: unknown): Map<string, string> {
  const words = Array.isArray(reply) ? reply.map(String) : []
  const pairs = new Map<string, string>()
  for (let word = 0; word < words.length; word += 2) pairs.set(words[word] ?? '', words[word + 1] ?? '')
  return pairs
}
