import type { Site } from './site.ts'
import type { Answer } from './tally.ts'

/** A browser has no Idempotency-Key and no patience; a phone keeps its key over the tries of one refresh. */
export type Kind = 'browser' | 'phone'

/** A person, of one session or several. */
export interface Account {
  email: string
  /** Once a request is under way that may end the sessions; performance.now() */
  endingSince?: number
  /** Once the end was acknowledged. */
  endedAt?: number
}

export interface Tokens {
  refresh_token: string
  access_token: string
}

const password = 'correct horse battery staple'
const refreshCookie = '__Host-refresh_token'

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** How a refresh token is sent. */
export const credential = (kind: Kind, token: string): Record<string, string> =>
  kind === 'phone' ? bearer(token) : { cookie: `${refreshCookie}=${token}` }

export function tokensOf({ body, headers }: Answer): Tokens {
  const cookie = headers['set-cookie']?.find((line) => line.startsWith(`${refreshCookie}=`))
  const fromCookie = cookie?.slice(refreshCookie.length + 1).split(';')[0]
  return {
    access_token: String(body['access_token']),
    refresh_token: fromCookie ?? String(body['refresh_token'])
  }
}

const headersOf = (kind: Kind): Record<string, string> => (kind === 'phone' ? { 'x-client': 'native' } : {})

let people = 0

export async function signUp(site: Site, kind: Kind): Promise<{ account: Account; tokens: Tokens }> {
  for (;;) {
    people += 1 // an answer of 503 leaves open whether the address is taken
    const account = { email: `person-${String(people)}@example.com` }
    const answer = await site.send('signup', {
      path: '/auth/signup',
      headers: headersOf(kind),
      body: { email: account.email, password }
    })
    if (answer?.status === 201) return { account, tokens: tokensOf(answer) }
    if (site.stopped) throw new Error('the site was closed before the signup was through')
    await site.backOff(answer, false)
  }
}

/** Once more as somebody who has an account. */
export async function logIn(site: Site, kind: Kind, account: Account): Promise<Tokens> {
  for (;;) {
    const answer = await tryLogIn(site, kind, account)
    if (answer?.status === 200) return tokensOf(answer)
    if (site.stopped) throw new Error('the site was closed before the login was through')
    await site.backOff(answer, false)
  }
}

export function tryLogIn(site: Site, kind: Kind, { email }: Account): Promise<Answer | undefined> {
  return site.send('login', { path: '/auth/login', headers: headersOf(kind), body: { email, password } })
}
