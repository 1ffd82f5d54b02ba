// What sessions take in the stores, and what it costs these to refresh them.
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { digest } from '../lib/digest.ts'
import { median } from './statistics.ts'
import { firstGeneration, sessionAt, writeEntry } from './synthetic-sessions.ts'

/** How Redis keeps an entry, and the bytes that it counts for it: the key is among them, the tables it is in are not. */
export interface EntrySize {
  encoding: string
  bytes: number
}

export interface RedisFootprint {
  /** Of the memory in use, tables included, since before the first session. */
  bytes_per_session: number
  /** `MEMORY USAGE`, the median of a sample. */
  entry_bytes: number
  /** Of the sample, how many entries are kept how. */
  encodings: Record<string, number>
}

export interface PostgresFootprint {
  /** Table and indexes, without dead rows. */
  bytes_per_session: number
  table_bytes_per_session: number
  /** Of the user that each session has here, table and indexes. */
  bytes_per_user: number
}

/** What the stores have done so far. */
export interface Work {
  /** Of Redis, user and system */
  redis_cpu_us: number
  /** Bytes that Postgres has written ahead */
  wal_bytes: number
}

const sampleSize = 1000

/** @throws where it is a Cluster, whose memory stands in many places */
export function onlyRedis({ redisClient }: FastifyInstance): Redis {
  if (redisClient instanceof Redis) return redisClient
  throw new Error('The memory of a session is measured on one Redis, not on a Cluster.')
}

const keyOf = ({ configuration }: FastifyInstance, sid: string) =>
  `${configuration.REDIS_PREFIX}session:{${sid}}`

async function sizeOf(scope: FastifyInstance, sid: string): Promise<EntrySize> {
  const redis = onlyRedis(scope)
  const key = keyOf(scope, sid)
  const [encoding, bytes] = await Promise.all([redis.object('ENCODING', key), redis.memory('USAGE', key)])
  return { encoding: String(encoding), bytes: Number(bytes) }
}

/** One number of `INFO`. */
async function read(scope: FastifyInstance, section: string, name: string): Promise<number> {
  const info = await onlyRedis(scope).info(section)
  return Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1])
}

/** Bytes */
export const usedMemory = (scope: FastifyInstance) => read(scope, 'memory', 'used_memory')

/** @param empty bytes that were in use before the first session */
export async function redisFootprint(
  scope: FastifyInstance,
  sessions: number,
  empty: number
): Promise<RedisFootprint> {
  const bytes = (await usedMemory(scope)) - empty
  const taken = Math.min(sessions, sampleSize)
  const sample = await Promise.all(
    Array.from({ length: taken }, (_, index) =>
      sizeOf(scope, sessionAt(Math.floor((index / taken) * sessions)).sid)
    )
  )
  const encodings: Record<string, number> = {}
  for (const { encoding } of sample) encodings[encoding] = (encodings[encoding] ?? 0) + 1
  return {
    bytes_per_session: bytes / sessions,
    entry_bytes: median(sample.map(({ bytes }) => bytes)),
    encodings
  }
}

export async function postgresFootprint(
  { pg }: FastifyInstance,
  sessions: number
): Promise<PostgresFootprint> {
  await pg.query('VACUUM (ANALYZE) sessions, users')
  const { rows } = await pg.query<Record<'sessions' | 'table' | 'users', number>>(
    `SELECT pg_total_relation_size('sessions')::float8 AS sessions,
            pg_table_size('sessions')::float8 AS table,
            pg_total_relation_size('users')::float8 AS users`
  )
  const [sizes = { sessions: NaN, table: NaN, users: NaN }] = rows
  return {
    bytes_per_session: sizes.sessions / sessions,
    table_bytes_per_session: sizes.table / sessions,
    bytes_per_user: sizes.users / sessions
  }
}

export async function workSoFar(scope: FastifyInstance): Promise<Work> {
  const user = await read(scope, 'cpu', 'used_cpu_user')
  const system = await read(scope, 'cpu', 'used_cpu_sys')
  const { rows } = await scope.pg.query<{ bytes: number }>(
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS bytes"
  )
  return { redis_cpu_us: (user + system) * 1e6, wal_bytes: rows[0]?.bytes ?? NaN }
}

/** An entry at each turn of its life: one session, which is removed again. */
export async function entrySizes(scope: FastifyInstance) {
  const { sessionWhitelist: whitelist } = scope
  // No other has this place.
  const session = sessionAt(-1)
  const device_id_hash = digest(session.device_id)
  const attempt = { client: 'browser', device_id_hash, network: '203.0.113.0' }

  await whitelist.create(session.sid, { client: 'browser', device_id_hash })
  const signed_in = await sizeOf(scope, session.sid)
  await writeEntry(scope, session)
  const refreshed = await sizeOf(scope, session.sid)
  // Another tab has sent the parent too.
  const other = { ...attempt, gen: firstGeneration - 1, idempotency_key_hash: digest('another tab') }
  const { verdict } = await whitelist.rotate(session.sid, other)
  if (verdict !== 'replayed') throw new Error(`the replay was ${verdict}`)
  await whitelist.markAnswered([{ sid: session.sid, gen: firstGeneration, answers: 1 }])
  const replayed_to_another_tab = await sizeOf(scope, session.sid)
  await whitelist.rotate(session.sid, {
    ...attempt,
    gen: firstGeneration,
    idempotency_key_hash: digest('next')
  })
  const refreshed_after_that = await sizeOf(scope, session.sid)
  await whitelist.remove([session.sid])
  return { signed_in, refreshed, replayed_to_another_tab, refreshed_after_that }
}
