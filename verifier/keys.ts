import { createRemoteJWKSet, type CryptoKey, type JWSHeaderParameters } from 'jose'
import { createSource, type SourceStatus } from './source.ts'

export interface Keys {
  /**
   * The key that a header names, from the issuer's own set and nowhere else: what a header says with `jwk`,
   * `jku` or `x5u` is not looked at (RFC 8725 §3.10). A `kid` that is not in the set has it fetched once more.
   * @throws where there is no such key
   */
  find: (header: JWSHeaderParameters) => Promise<CryptoKey>
  has(kid: string): boolean
  fetch(): Promise<void>
  close(): void
  readonly status: SourceStatus
}

/** ms after which the set is fetched again. That a key was revoked is heard of with the revocations. */
const maxAge = 30_000

/** However many unknown keys come: so many fetches at once, and then one more each so many ms. */
const burst = 5
const cooldown = 5000

/** ms for an answer. */
const timeout = 5000

/** Ours are named by their thumbprint (RFC 7638): 32 bytes, base64url. For others nobody is asked. */
const thumbprint = /^[\w-]{43}$/

/**
 * The public keys of the auth server. Where it is down, those it has go on being used.
 * @param url where the auth server is reached
 */
export function createKeys(url: string, onChange: () => void): Keys {
  const source = createSource(onChange)
  const set = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`), {
    // When to fetch is decided here.
    cacheMaxAge: Infinity,
    cooldownDuration: Infinity,
    timeoutDuration: timeout
  })
  let kids = new Set<string>()
  let pending: Promise<void> | undefined
  let allowance = burst
  let countedAt = performance.now()

  const ask = async () => {
    try {
      await set.reload()
      const { keys = [] } = set.jwks() ?? {}
      kids = new Set(keys.flatMap(({ kid }) => kid ?? []))
      source.succeeded()
    } catch (error) {
      source.failed(error)
    } finally {
      pending = undefined
    }
  }
  /** Never rejects. Of many at once one asks. */
  const fetch = () => (pending ??= ask())

  const fetchForUnknown = async () => {
    if (pending) return pending
    const now = performance.now()
    allowance = Math.min(burst, allowance + (now - countedAt) / cooldown)
    countedAt = now
    if (allowance < 1) return
    allowance -= 1
    await fetch()
  }

  const timer = setInterval(() => void fetch(), maxAge)
  timer.unref()

  return {
    async find(header) {
      const { kid = '' } = header
      if (!thumbprint.test(kid)) throw new Error('the kid is none of ours')
      // One that has begun already may have looked before the key was there: then once more.
      if (!kids.has(kid)) await pending
      if (!kids.has(kid)) await fetchForUnknown()
      if (!kids.has(kid)) throw new Error('unknown kid')
      return set(header)
    },
    has: (kid) => kids.has(kid),
    fetch,
    close() {
      clearInterval(timer)
    },
    get status() {
      return source.status
    }
  }
}
