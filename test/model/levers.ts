import type { Head } from './reference.ts'
import type { Run } from './run.ts'

/** What Redis holds for the sessions of a run, and what the reference knows of that. */
export interface Snapshot {
  entries: Map<string, Record<string, string>>
  heads: Map<string, Head | undefined>
}

export async function takeSnapshot({ world, sessions }: Run): Promise<Snapshot> {
  const { stores } = world
  const entries = await Promise.all(
    sessions.map(async ({ sid }) => [sid, await stores.redis.hgetall(stores.key(sid))] as const)
  )
  return {
    entries: new Map(entries.filter(([, entry]) => entry['gen'])),
    heads: new Map(sessions.map(({ sid, head }) => [sid, head && { ...head }]))
  }
}

/** Makes Redis hold what it held: it lost every write since. What has expired since does not come back. */
export async function rollBack({ world, sessions }: Run, { entries, heads }: Snapshot): Promise<void> {
  const { stores } = world
  const commands = stores.redis.multi()
  for (const session of sessions) {
    const entry = entries.get(session.sid)
    const expires_at = Number(entry?.['refresh_expires_at'] ?? 0)
    const head = heads.get(session.sid)
    session.head = head && expires_at > Date.now() ? { ...head } : undefined
    const key = stores.key(session.sid)
    commands.del(key)
    if (!entry || expires_at <= Date.now()) continue
    commands.hset(key, entry)
    commands.pexpireat(key, expires_at)
  }
  await commands.exec()
}

/** Makes Redis forget the sessions of the run. Never FLUSHALL: others may be testing on the same server. */
export function forget(run: Run): Promise<void> {
  return rollBack(run, { entries: new Map(), heads: new Map() })
}

/**
 * Moves the clock on. No store lets its clock be moved, so every time that is written anywhere becomes older
 * instead: in Redis, in Postgres, in the snapshots, and in the refresh tokens, which the server signs again as
 * it would have signed them then. The second after which a journal is written has then gone by.
 * @param ms whole seconds, which is what tokens count in
 */
export async function advance(run: Run, ms: number): Promise<void> {
  const { stores, nodes } = run.world
  await Promise.all(nodes.map(({ scope }) => scope.sessionJournal.flush()))
  await stores.pool.query({ name: 'make sessions older', text: olderSessions, values: [run.user_id, ms] })
  const present = await takeSnapshot(run)
  for (const { entries } of [present, ...run.snapshots]) {
    for (const entry of entries.values()) {
      for (const time of entryTimes) if (entry[time]) entry[time] = String(Number(entry[time]) - ms)
    }
  }
  await rollBack(run, present)

  const { refreshTokens } = run.node(0).scope
  for (const session of run.sessions) {
    session.expires_at -= ms
    for (const token of session.tokens) {
      token.issued_at -= ms
      token.expires_at -= ms
      const { sub, gen, issued_at: rotated_at, expires_at: refresh_expires_at } = token
      token.text = refreshTokens.sign({ sub, sid: session.sid, gen, rotated_at, refresh_expires_at })
    }
  }
  run.advanced += ms
}

const entryTimes = ['rotated_at', 'refresh_expires_at', 'expires_at', 'window_started_at']

const recordTimes =
  'authenticated_at created_at last_used_at expires_at revoked_at rotated_at refresh_expires_at'.split(' ')

const olderSessions = `UPDATE sessions SET ${recordTimes
  .map((column) => `${column} = ${column} - $2 * interval '1 ms'`)
  .join(', ')} WHERE user_id = $1`
