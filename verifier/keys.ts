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

/** ms after which the set is fetched again: as long as a key that was withdrawn is still accepted here. */
const maxAge = 60_000

/** ms in which unknown keys make us ask once. */
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
  let fetchedAt = -Infinity

  /** Never rejects. Of many at once one asks. */
  const fetch = async () => {
    fetchedAt = performance.now()
    try {
      await set.reload()
      const { keys = [] } = set.jwks() ?? {}
      kids = new Set(keys.flatMap(({ kid }) => kid ?? []))
      source.succeeded()
    } catch (error) {
      source.failed(error)
    }
  }

  const timer = setInterval(() => void fetch(), maxAge)
  timer.unref()

  return {
    async find(header) {
      const { kid = '' } = header
      if (!thumbprint.test(kid)) throw new Error('the kid is none of ours')
      if (!kids.has(kid) && (set.reloading || performance.now() - fetchedAt > cooldown)) await fetch()
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
