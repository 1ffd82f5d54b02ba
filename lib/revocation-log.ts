import { digest } from './digest.ts'

/**
 * What stands in the public feed of revocations in place of an id: 132 bits of its SHA-256, base64url. Only
 * who holds a token of a session can tell that the feed speaks of it.
 * @param id `sid` of a session, `jti` of a single token, or `kid` of a signing key
 */
export function revocationFingerprint(id: string): string {
  return digest(id).slice(0, 22)
}

/** What was revoked lately, in the order in which it was heard of. Times in ms. */
export interface RevocationLog {
  has(id: string): boolean
  /** @returns the ids that were not known */
  add(ids: readonly string[], now: number): string[]
  /** What was heard of at a time or later, by its published name. */
  since(time: number): string[]
  /** Forgets what was heard of before a time. */
  forget(before: number): void
  readonly size: number
}

/** @param publish the name under which `since` gives an id; made once for each */
export function createRevocationLog(publish = (id: string) => id): RevocationLog {
  const known = new Set<string>()
  let entries: { id: string; published: string; heard_at: number }[] = []

  const heardBefore = (time: number) => entries.findLastIndex(({ heard_at }) => heard_at < time) + 1

  return {
    has: (id) => known.has(id),
    add(ids, now) {
      // A clock may be set back; the order stays.
      const heard_at = Math.max(now, entries.at(-1)?.heard_at ?? 0)
      return ids.filter((id) => {
        if (known.has(id)) return false
        known.add(id)
        entries.push({ id, published: publish(id), heard_at })
        return true
      })
    },
    since: (time) => entries.slice(heardBefore(time)).map(({ published }) => published),
    forget(before) {
      const old = heardBefore(before)
      if (old === 0) return
      for (const { id } of entries.slice(0, old)) known.delete(id)
      entries = entries.slice(old)
    },
    get size() {
      return known.size
    }
  }
}
