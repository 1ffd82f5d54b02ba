import type { JSONWebKeySet } from 'jose'
import { decode } from './forge.ts'
import type { App, Stores } from './helper.ts'

/** s, from publication to the first signature; more than a cached JWKS lives. */
export const lead = 330

/** s, that the tokens of a retired key are accepted; more than the longest of them lives. */
export const retention = 1860

export const days = (count: number) => count * 86_400

/** Makes every signing key older, as if the clocks had moved. */
export async function agedBy({ pool }: Stores, seconds: number): Promise<void> {
  await pool.query(
    `UPDATE signing_keys SET created_at = created_at - make_interval(secs => $1),
            activates_at = activates_at - make_interval(secs => $1),
            retires_at = retires_at - make_interval(secs => $1)`,
    [seconds]
  )
}

export const kidOf = (token: string) => String(decode(token).header['kid'])

/** The keys that a node publishes. */
export async function publishedBy(app: App): Promise<(string | undefined)[]> {
  return (await app.inject('/.well-known/jwks.json')).json<JSONWebKeySet>().keys.map(({ kid }) => kid)
}
