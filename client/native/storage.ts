import type { User } from '../../schemas/tokens.ts'

/** One place for one text: an entry of the device's keychain, a file that only the user may read. */
export interface NativeStorage {
  /** @returns what was set last; null or an empty text where nothing was */
  get(): Promise<string | null>
  /** Replaces it as a whole, and resolves once it is kept: after a crash the old or the new text is there, never a part of it. */
  set(text: string): Promise<void>
}

/** The session as it is stored: the refresh token, and the key that every try to exchange it carries. */
export interface Kept {
  refresh_token: string
  idempotency_key: string
  session_id: string
  user: User
}

/** @throws where there is something else: losing a session over it would be worse than saying so */
export function readKept(text: string | null): Kept | null {
  if (!text) return null
  const kept = parse(text) as Partial<Kept> | undefined
  if (!kept?.refresh_token || !kept.idempotency_key || !kept.session_id || !kept.user)
    throw new TypeError('The storage holds something that this client did not put there; login overwrites it')
  return kept as Kept
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
