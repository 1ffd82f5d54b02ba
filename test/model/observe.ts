import assert from 'node:assert/strict'
import type { Stores } from '../helper.ts'
import { until } from '../stores/until.ts'
import type { ReferenceSession } from './reference.ts'
import type { Run } from './run.ts'

/** Looks into both stores after a command: they hold what the reference says, and nothing has moved that may not. */
export async function observe({ world: { stores }, user_id, sessions }: Run): Promise<void> {
  const [{ rows }, entries] = await Promise.all([
    stores.pool.query<{ id: string; gen: number; expires_at: Date; revoked_reason: string | null }>({
      name: 'sessions of a user',
      text: 'SELECT id, gen, expires_at, revoked_reason FROM sessions WHERE user_id = $1',
      values: [user_id]
    }),
    Promise.all(sessions.map((session) => entryOf(stores, session)))
  ])
  const records = new Map(rows.map((row) => [row.id, row]))

  for (const [index, session] of sessions.entries()) {
    const { sid, over, head, newest, expires_at } = session
    const entry = entries[index] ?? {}
    const record = records.get(sid)
    // Housekeeping removes what has been over for long.
    if (!record)
      assert.ok(over ?? session.tokens.every((token) => token.expires_at < Date.now()), 'a record is gone')
    else {
      session.journaled = record.gen
      assert.ok(record.gen <= newest, 'the record knows of a generation that never was')
      assert.equal(
        record.expires_at.getTime(),
        expires_at,
        'invariant 4: absolute expiry moved in the record'
      )
      assert.equal(
        record.revoked_reason === null,
        over === undefined,
        `invariant 3: revoked for ${String(record.revoked_reason)}, and the reference knows of ${String(over)}`
      )
    }
    if (entry['expires_at']) {
      assert.equal(
        Number(entry['expires_at']),
        expires_at,
        'invariant 4: absolute expiry moved in the whitelist'
      )
      assert.ok(
        (await stores.redis.pexpiretime(stores.key(session.sid))) <= expires_at,
        'invariant 4: an entry outlives its session'
      )
    }
    if (!over) {
      assert.equal(
        Number(entry['gen'] ?? 0),
        head?.gen ?? 0,
        'invariant 1: the whitelist accepts another head than was answered'
      )
    }
  }
}

/** What Redis holds for a session, once it has heard of every answer with its head: that follows the answer. */
function entryOf(stores: Stores, { sid, over, head }: ReferenceSession) {
  return until(`Redis to know that ${sid} was answered`, async () => {
    const entry = await stores.redis.hgetall(stores.key(sid))
    const known = over !== undefined || head?.unanswered === true || Number(entry['unanswered'] ?? 0) === 0
    return known && entry
  })
}
