import type { Head } from './reference.ts'
import type { Run } from './run.ts'

/** What Redis holds for the sessions of a run, and what the reference knows of that. */
export interface Snapshot {
  entries: Map<string, Entry>
  heads: Map<string, Head | undefined>
}

interface Entry {
  fields: Record<string, string>
  /** ms, when it is gone: that is when the refresh token expires. */
  expires_at: number
}

export async function takeSnapshot({ world, sessions }: Run): Promise<Snapshot> {
  const { stores } = world
  const entries = await Promise.all(
    sessions.map(async ({ sid }) => {
      const key = stores.key(sid)
      const [fields, expires_at] = await Promise.all([
        stores.redis.hgetall(key),
        stores.redis.pexpiretime(key)
      ])
      return [sid, { fields, expires_at }] as const
    })
  )
  return {
    entries: new Map(entries.filter(([, { fields }]) => fields['gen'])),
    heads: new Map(sessions.map(({ sid, head }) => [sid, head && { ...head }]))
  }
}

/** Makes Redis hold what it held: it lost every write since. What has expired since does not come back. */
export async function rollBack({ world, sessions }: Run, { entries, heads }: Snapshot): Promise<void> {
  const { stores } = world
  const commands = stores.redis.multi()
  for (const session of sessions) {
    const entry = entries.get(session.sid)
    const expires_at = entry?.expires_at ?? 0
    const head = heads.get(session.sid)
    session.head = head && expires_at > Date.now() ? { ...head } : undefined
    const key = stores.key(session.sid)
    commands.del(key)
    if (!entry || expires_at <= Date.now()) continue
    commands.hset(key, entry.fields)
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
      entry.expires_at -= ms
      // Where it is the first of several values of a field, the others stay.
      for (const field of entryTimes)
        entry.fields[field] &&= entry.fields[field].replace(/^\d+/, (time) => String(Number(time) - ms))
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

const entryTimes = ['rotated_at', 'expires_at', 'window']

const recordTimes =
  'authenticated_at created_at last_used_at expires_at revoked_at rotated_at refresh_expires_at'.split(' ')

const olderSessions = `UPDATE sessions SET ${recordTimes
  .map((column) => `${column} = ${column} - $2 * interval '1 ms'`)
  .join(', ')} WHERE user_id = $1`
