import { readFileSync } from 'node:fs'
import type { Cluster, Redis, Result } from 'ioredis'

export type RedisClient = Redis | Cluster

type Text = string | number

declare module 'ioredis' {
  interface RedisCommander<Context> {
    createSession(key: string, ...args: Text[]): Result<[number, number, number], Context>
    rotateSession(key: string, ...args: Text[]): Result<string, Context>
    markAnswered(key: string, gen: Text, answers: Text): Result<null, Context>
    markAllAnswered(keys: number, ...args: Text[]): Result<null, Context>
    claimRenewal(key: string, pause: Text): Result<number, Context>
  }
}

export type Verdict =
  | 'rotated'
  | 'replayed'
  | 'absent'
  | 'reused'
  | 'exhausted'
  | 'expired'
  | 'too_many_refreshes'
  | 'wrong_transport'
  | 'device_changed'

/** The whitelist entry of a session, as lua/rotate-session.lua writes it anew. Times in ms. */
export interface SessionEntry {
  gen: number
  client: string
  device_id_hash: string | null
  rotated_at: number
  refresh_expires_at: number
  expires_at: number
  idempotency_key_hash: string | null
}

/** A refresh token as it was presented, verified, and what came with it. */
export interface PresentedGeneration {
  gen: number
  client: string
  device_id_hash: string | null
  idempotency_key_hash: string | null
  network: string
}

/** What lua/rotate-session.lua decided. Times in ms by the clock of Redis. */
export interface Rotation {
  verdict: Verdict
  kind: string
  gen: number
  rotated_at: number
  refresh_expires_at: number
  now: number
  /** Where the head was made, see lib/network.ts; '' where that is not known. */
  network: string
}

const read = (name: string) => readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8')

const scripts = {
  createSession: read('create-session'),
  rotateSession: read('rotate-session'),
  markAnswered: read('mark-answered'),
  claimRenewal: read('claim-renewal')
}

/** Loads the scripts into a client; they are then sent by their hash (EVALSHA). */
export function defineScripts(client: RedisClient): void {
  for (const [name, lua] of Object.entries(scripts)) client.defineCommand(name, { numberOfKeys: 1, lua })
  client.defineCommand('markAllAnswered', { lua: scripts.markAnswered })
}

/** lua/create-session.lua. Times to live in ms. */
export async function createSession(
  client: RedisClient,
  key: string,
  options: { client: string; device_id_hash: string | null; idle_ttl: number; absolute_ttl: number }
): Promise<Pick<SessionEntry, 'rotated_at' | 'refresh_expires_at' | 'expires_at'>> {
  const [rotated_at, refresh_expires_at, expires_at] = await client.createSession(
    key,
    options.client,
    options.device_id_hash ?? '',
    options.idle_ttl,
    options.absolute_ttl
  )
  return { rotated_at, refresh_expires_at, expires_at }
}

/**
 * lua/rotate-session.lua. Durations in ms.
 * @param rebuild the entry to write where there is none; without it the verdict is then `absent`
 */
export async function rotateSession(
  client: RedisClient,
  key: string,
  presented: PresentedGeneration,
  rules: { overlap: number; idle_ttl: number; rate: number; max_rotations: number },
  rebuild?: SessionEntry
): Promise<Rotation> {
  const reply = await client.rotateSession(
    key,
    presented.gen,
    presented.client,
    presented.device_id_hash ?? '',
    presented.idempotency_key_hash ?? '',
    rules.overlap,
    rules.idle_ttl,
    rules.rate,
    rules.max_rotations,
    presented.network,
    ...(rebuild
      ? [
          rebuild.gen,
          rebuild.client,
          rebuild.device_id_hash ?? '',
          rebuild.rotated_at,
          rebuild.refresh_expires_at,
          rebuild.expires_at,
          rebuild.idempotency_key_hash ?? ''
        ]
      : [])
  )
  const [verdict, kind, gen, rotated_at, refresh_expires_at, now, network] = reply.split(',') as RotationReply
  return {
    verdict,
    kind,
    gen: Number(gen),
    rotated_at: Number(rotated_at),
    refresh_expires_at: Number(refresh_expires_at),
    now: Number(now),
    network
  }
}

type RotationReply = [
  verdict: Verdict,
  kind: string,
  gen: string,
  rotated_at: string,
  refresh_expires_at: string,
  now: string,
  network: string
]

/** A head, by the key of its session, and how many answers with it have left. */
export interface AnsweredHead {
  key: string
  gen: number
  answers: number
}

/** Heads that one call may mark: Redis does nothing else meanwhile. */
const headsPerCall = 100

/**
 * lua/mark-answered.lua. The keys of one call have to lie in one slot of a Cluster, so there each has a call: one of
 * those that name their key first, by which ioredis finds the node.
 */
export async function markAnswered(client: RedisClient, heads: readonly AnsweredHead[]): Promise<void> {
  if (client.isCluster) {
    await Promise.all(heads.map(({ key, gen, answers }) => client.markAnswered(key, gen, answers)))
    return
  }
  await Promise.all(
    Array.from({ length: Math.ceil(heads.length / headsPerCall) }, (_, call) => {
      const some = heads.slice(call * headsPerCall, (call + 1) * headsPerCall)
      return client.markAllAnswered(
        some.length,
        ...some.map(({ key }) => key),
        ...some.flatMap(({ gen, answers }) => [gen, answers])
      )
    })
  )
}

/**
 * lua/claim-renewal.lua.
 * @param pause ms
 * @returns ms at which the session expires when idle, or 0 where the renewal is not ours
 */
export async function claimRenewal(client: RedisClient, key: string, pause: number): Promise<number> {
  return client.claimRenewal(key, pause)
}
