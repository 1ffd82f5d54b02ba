import fp from 'fastify-plugin'
import { createWriteBehind } from '../lib/write-behind.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessionJournal: SessionJournal
  }
}

/** A rotation, as the record has to know it to write the Redis key anew. Times in ms. */
export interface JournalEntry {
  sid: string
  gen: number
  rotated_at: number
  refresh_expires_at: number
  idempotency_key_hash: string | null
}

export interface SessionJournal {
  /** Notes a rotation; it reaches Postgres behind the answer, a second late at most. */
  note(entry: JournalEntry): void
  /** Writes what was noted. Never throws: what Postgres does not take is kept for the next time. */
  flush(): Promise<void>
}

/** Sessions kept in memory while Postgres is away. */
const limit = 100_000

/** Decorates `fastify.sessionJournal`: generation and last use of sessions, written behind to Postgres. */
export default fp(
  async (fastify) => {
    const write = async (entries: readonly JournalEntry[]) => {
      // In the order of the ids, so that nodes that write the same rows do not wait for each other in a ring.
      const sorted = entries.toSorted((one, other) => (one.sid < other.sid ? -1 : 1))
      await fastify.pg.query({
        name: 'journal sessions',
        // Never backwards: another node may have written a later generation already.
        text: `UPDATE sessions AS s
                  SET gen = j.gen, rotated_at = j.rotated_at, last_used_at = j.rotated_at,
                      refresh_expires_at = j.refresh_expires_at, idempotency_key_hash = j.idempotency_key_hash
                 FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::timestamptz[], $5::text[])
                      AS j (id, gen, rotated_at, refresh_expires_at, idempotency_key_hash)
                WHERE s.id = j.id AND s.gen < j.gen`,
        values: [
          sorted.map(({ sid }) => sid),
          sorted.map(({ gen }) => gen),
          sorted.map(({ rotated_at }) => new Date(rotated_at)),
          sorted.map(({ refresh_expires_at }) => new Date(refresh_expires_at)),
          sorted.map(({ idempotency_key_hash }) => idempotency_key_hash)
        ]
      })
    }

    const journal = createWriteBehind<JournalEntry>({
      limit,
      write,
      merge: (entry, known) => (entry.gen > known.gen ? entry : known),
      onChange({ error, ...state }) {
        fastify.log.warn({ err: error, ...state }, 'journal of sessions to Postgres')
      }
    })
    fastify.addHook('onClose', () => journal.close())

    fastify.metrics.gauge(
      'latchkey_journal_sessions',
      'Sessions whose last rotation is not in Postgres yet',
      () => journal.size
    )
    fastify.metrics.gauge(
      'latchkey_journal_lag_seconds',
      'Age of the oldest rotation that is not in Postgres yet',
      () => {
        const oldest = journal.oldest()
        return oldest ? Math.max(0, Date.now() - oldest.rotated_at) / 1000 : 0
      },
      'max'
    )
    fastify.metrics.gauge(
      'latchkey_journal_dropped',
      'Rotations that Postgres never heard of, because it was away for long',
      () => journal.dropped
    )

    fastify.decorate('sessionJournal', {
      note(entry) {
        journal.note(entry.sid, entry)
      },
      flush: journal.flush
    })
  },
  { name: 'session-journal', dependencies: ['postgres', 'migrations', 'metrics'] }
)
