export interface WriteBehindOptions<Entry> {
  /** Writes what was noted, in the order in which it was. What it rejects is kept for the next time. */
  write: (entries: readonly Entry[]) => Promise<void>
  /** Entries kept in memory; beyond it the oldest are dropped. */
  limit: number
  /** What is kept of an entry and an earlier one with the same key. Default: the later one. */
  merge?: (entry: Entry, known: Entry) => Entry
  /** Called once as writing starts to fail, and once as it goes on. */
  onChange: (state: { failing: boolean; entries: number; dropped: number; error?: unknown }) => void
}

export interface WriteBehind<Entry> {
  note: (key: string, entry: Entry) => void
  /** Writes what was noted. Never throws. */
  flush: () => Promise<void>
  /** Ends the timer and writes what is left. */
  close: () => Promise<void>
  readonly size: number
  /** Whether the last writing failed. */
  readonly failing: boolean
  /** Entries dropped since the start. */
  readonly dropped: number
  /** The entry that has waited longest. */
  oldest: () => Entry | undefined
}

/** ms from one writing to the next. */
const interval = 1000

/**
 * Work that follows an answer instead of delaying it: noted in memory, one entry for each key, written
 * together once a second, kept while the store is away. Does NOT survive the process: only for what can be
 * had again.
 */
export function createWriteBehind<Entry>(options: WriteBehindOptions<Entry>): WriteBehind<Entry> {
  const { write, limit, merge = (entry) => entry, onChange } = options
  let noted = new Map<string, Entry>()
  let flushing = Promise.resolve()
  let next: Promise<void> | undefined
  let failing = false
  let dropped = 0

  const note = (key: string, entry: Entry) => {
    const known = noted.get(key)
    noted.set(key, known === undefined ? entry : merge(entry, known))
    for (const oldest of noted.keys()) {
      if (noted.size <= limit) break
      noted.delete(oldest)
      dropped += 1
    }
  }

  const writeNoted = async () => {
    const entries = noted
    if (entries.size === 0) return
    noted = new Map()
    try {
      await write([...entries.values()])
      if (failing) onChange({ failing: false, entries: entries.size, dropped })
      failing = false
    } catch (error) {
      const since = noted
      noted = entries
      for (const [key, entry] of since) note(key, entry)
      if (!failing) onChange({ failing: true, entries: noted.size, dropped, error })
      failing = true
    }
  }

  // However many ask while one writing is under way, one more follows it.
  const flush = () =>
    (next ??= flushing =
      flushing.then(() => {
        next = undefined
        return writeNoted()
      }))
  const timer = setInterval(() => void flush(), interval)
  timer.unref()

  return {
    note,
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
    get failing() {
      return failing
    },
    get size() {
      return noted.size
    },
    get dropped() {
      return dropped
    },
    oldest: () => noted.values().next().value
  }
}
