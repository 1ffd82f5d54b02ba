import fp from 'fastify-plugin'

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
  /** Sessions whose last rotation is not written yet, and how old the oldest is (ms). */
  lag(): { entries: number; age: number }
}

const flushInterval = 1000

/** Sessions kept in memory while Postgres is away; beyond it the oldest rotations are forgotten. */
const limit = 100_000

/** Decorates `fastify.sessionJournal`: generation and last use of sessions, written behind to Postgres. */
export default fp(
  async (fastify) => {
    const noted = new Map<string, JournalEntry>()
    let flushing: Promise<void> | undefined
    let failing = false
    let dropped = 0

    const write = async (entries: JournalEntry[]) => {
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
          entries.map(({ sid }) => sid),
          entries.map(({ gen }) => gen),
          entries.map(({ rotated_at }) => new Date(rotated_at)),
          entries.map(({ refresh_expires_at }) => new Date(refresh_expires_at)),
          entries.map(({ idempotency_key_hash }) => idempotency_key_hash)
        ]
      })
    }

    const note = (entry: JournalEntry) => {
      const known = noted.get(entry.sid)
      if (known && known.gen >= entry.gen) return
      noted.set(entry.sid, entry)
      if (noted.size > limit) {
        const [oldest] = noted.keys()
        if (oldest !== undefined) noted.delete(oldest)
        dropped += 1
      }
    }

    const flushOnce = async () => {
      // In the order of the ids, so that two nodes that write the same rows do not wait for each other in a ring.
      const entries = [...noted.values()].sort((one, other) => (one.sid < other.sid ? -1 : 1))
      if (entries.length === 0) return
      noted.clear()
      try {
        await write(entries)
        if (failing)
          fastify.log.info({ written: entries.length, dropped }, 'journal of sessions written again')
        failing = false
        dropped = 0
      } catch (error) {
        for (const entry of entries) note(entry)
        if (!failing)
          fastify.log.warn({ err: error, kept: noted.size }, 'journal of sessions can not be written')
        failing = true
      }
    }

    const flush = async () => {
      await flushing
      flushing = flushOnce()
      await flushing
    }

    const timer = setInterval(() => void flush(), flushInterval)
    timer.unref()
    fastify.addHook('onClose', async () => {
      clearInterval(timer)
      await flush()
    })

    fastify.decorate('sessionJournal', {
      note,
      flush,
      lag() {
        const [oldest] = noted.values()
        return { entries: noted.size, age: oldest ? Math.max(0, Date.now() - oldest.rotated_at) : 0 }
      }
    })
  },
  { name: 'session-journal', dependencies: ['postgres', 'migrations'] }
)
