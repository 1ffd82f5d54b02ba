import { LRUCache } from 'lru-cache'
import { digest } from '../lib/digest.ts'

/** The credentials of this service at the auth server; made with `latchkey clients create`. */
export interface ClientCredentials {
  client_id: string
  client_secret: string
}

export interface Introspection {
  /**
   * Whether the auth server calls a token active (RFC 7662 §2.2), of the last seconds at most.
   * @returns undefined where it does not answer
   */
  isActive(token: string): Promise<boolean | undefined>
}

/** ms for which an answer is taken for the next one. */
const ttl = 5000

/** Tokens whose answer is remembered. */
const limit = 10_000

/** ms for an answer, and ms for which nobody asks where there was none. */
const timeout = 2000
const cooldown = 5000

/** RFC 7662 with HTTP Basic (RFC 6749 §2.3.1). Of many requests for one token one asks. */
export function createIntrospection(
  url: string,
  { client_id, client_secret }: ClientCredentials
): Introspection {
  const credentials = [client_id, client_secret].map(encodeURIComponent).join(':')
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  let silentUntil = 0

  const ask = async (token: string) => {
    const response = await fetch(`${url}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization, accept: 'application/json' },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeout)
    })
    if (!response.ok) throw new Error(`introspection answered ${String(response.status)}`)
    const { active } = (await response.json()) as { active?: unknown }
    return { active: active === true }
  }
  const answers = new LRUCache<string, { active: boolean }, string>({
    max: limit,
    ttl,
    fetchMethod: (_key, _stale, { context }) => ask(context)
  })

  return {
    async isActive(token) {
      if (performance.now() < silentUntil) return undefined
      try {
        const answer = await answers.fetch(digest(token), { context: token })
        return answer?.active
      } catch {
        silentUntil = performance.now() + cooldown
        return undefined
      }
    }
  }
}
