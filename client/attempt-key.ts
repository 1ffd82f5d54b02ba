/** The `Idempotency-Key` of the attempt to refresh that comes next, or is under way. */
export interface AttemptKey {
  read(): string
  /** Once an attempt has its answer, the next one gets another key. */
  renew(used: string): void
}

/**
 * All tabs share the key, and a reload finds it: chosen when the attempt before was answered, so that tabs
 * that wake at once do not each choose one. It stands in localStorage; it is random and no credential, and
 * opens nothing without the cookie. Where storage is denied, each tab has a key of its own.
 */
export function createAttemptKey(name: string): AttemptKey {
  let fallback: string | undefined
  const write = () => {
    fallback = crypto.randomUUID()
    try {
      localStorage.setItem(name, fallback)
    } catch {
      // Full, or denied.
    }
    return fallback
  }
  const stored = () => {
    try {
      return localStorage.getItem(name) ?? fallback
    } catch {
      return fallback
    }
  }
  return {
    read: () => stored() ?? write(),
    renew(used) {
      // Another tab may have been first; two renewals would leave it with a key that nobody else knows.
      if (stored() === used) write()
    }
  }
}
