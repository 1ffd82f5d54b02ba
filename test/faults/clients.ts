import { randomUUID } from 'node:crypto'
import {
  type Account,
  bearer,
  credential,
  type Kind,
  signUp,
  type Tokens,
  tokensOf,
  tryLogIn
} from './account.ts'
import type { Site } from './site.ts'
import { revocationDeadline } from './tally.ts'

/** An honest client: refreshes, uses its access token, logs out when it is told to. */
export interface Client {
  readonly kind: Kind
  readonly account: Account
  readonly tokens: Tokens
  /** How often it has refreshed. */
  readonly refreshes: number
  /** When it last refreshed; performance.now() */
  readonly refreshedAt: number
  /** How long its present attempt has lasted, in ms; 0 where it is not at one. */
  readonly waiting: number
  /** Logs out; what it held is then presented by who found it. */
  leave(way: 'logout' | 'logout/all'): void
  readonly done: Promise<void>
}

export function startClient(site: Site, kind: Kind, account: Account, signedIn: Tokens): Client {
  const { tally } = site
  let tokens = signedIn
  let refreshes = 0
  let refreshedAt = 0
  let attemptSince = 0
  let leaving: 'logout' | 'logout/all' | undefined

  /** One attempt, with as many tries as it takes. */
  const exchange = async (): Promise<'refreshed' | 'interrupted' | 'over'> => {
    const headers = credential(kind, tokens.refresh_token)
    if (kind === 'phone') headers['idempotency-key'] = randomUUID()
    while (!site.stopped && !leaving) {
      const answer = await site.send('refresh', { path: '/auth/refresh', headers })
      if (answer?.status === 200) {
        tokens = tokensOf(answer)
        return 'refreshed'
      }
      if (answer && answer.status !== 503) {
        if (account.endingSince === undefined)
          tally.loggedOutByAccident.push(`${kind}: ${String(answer.status)} ${answer.code}`)
        return 'over'
      }
      await site.backOff(answer, kind === 'phone')
    }
    return 'interrupted'
  }

  const useAccessToken = async () => {
    const path = site.accessPath
    const answer = await site.send('access', { method: 'GET', path, headers: bearer(tokens.access_token) })
    if (answer?.status === 401 && account.endingSince === undefined)
      tally.loggedOutByAccident.push(`${kind}: access token ${answer.code}`)
  }

  /** Until the server says that it is done. */
  const logOut = async (way: 'logout' | 'logout/all') => {
    account.endingSince ??= performance.now()
    const headers = way === 'logout' ? credential(kind, tokens.refresh_token) : bearer(tokens.access_token)
    while (!site.stopped) {
      const answer = await site.send(way, { path: `/auth/${way}`, headers })
      // 401: an earlier try, whose answer was lost, had done it.
      if (answer?.status === 204 || answer?.status === 401) return
      await site.backOff(answer, true)
    }
  }

  const run = async () => {
    while (!site.stopped && account.endedAt === undefined) {
      if (leaving) {
        await logOut(leaving)
        if (!site.stopped) account.endedAt = performance.now()
        break
      }
      attemptSince = performance.now()
      const outcome = await exchange()
      attemptSince = 0
      if (outcome === 'over') break
      if (outcome === 'interrupted') continue
      refreshes += 1
      refreshedAt = performance.now()
      await useAccessToken()
      await site.pause(site.pace.client)
    }
    await haunt(site, kind, account, tokens)
  }

  return {
    kind,
    account,
    get tokens() {
      return tokens
    },
    get refreshes() {
      return refreshes
    },
    get refreshedAt() {
      return refreshedAt
    },
    get waiting() {
      return attemptSince === 0 ? 0 : performance.now() - attemptSince
    },
    leave(way) {
      leaving = way
    },
    done: run()
  }
}

/** Presents what a session held that was ended. Once that is acknowledged, it must open nothing. */
async function haunt(site: Site, kind: Kind, account: Account, { refresh_token, access_token }: Tokens) {
  while (!site.stopped) {
    const { endedAt = Infinity } = account
    const sentAt = performance.now()
    const refreshed = await site.send('stranger refresh', {
      path: '/auth/refresh',
      headers: credential(kind, refresh_token)
    })
    if (refreshed?.status === 200 && sentAt > endedAt) site.tally.cameBack.push(`${kind}: refresh`)
    const used = await site.send('stranger access', {
      method: 'GET',
      path: site.accessPath,
      headers: bearer(access_token)
    })
    if (used?.status === 200 && sentAt > endedAt + revocationDeadline)
      site.tally.cameBack.push(`${kind}: access token`)
    await site.pause(site.pace.stranger)
  }
}

/** Logs in and out again and again. */
export async function startNewcomer(site: Site): Promise<{ done: Promise<void> }> {
  const { account, tokens } = await signUp(site, 'browser')
  const run = async () => {
    let last = tokens
    while (!site.stopped) {
      await site.send('logout', { path: '/auth/logout', headers: credential('browser', last.refresh_token) })
      await site.pause(200)
      const answer = await tryLogIn(site, 'browser', account)
      if (answer?.status === 200) last = tokensOf(answer)
    }
  }
  return { done: run() }
}

/** What needs no store must go on whatever happens to them: public keys, and access tokens. */
export function startWatcher(site: Site, holder: Client): { done: Promise<void> } {
  const run = async () => {
    while (!site.stopped) {
      for (const node of site.nodes) {
        await site.send('jwks', { method: 'GET', path: '/.well-known/jwks.json', node })
        const headers = bearer(holder.tokens.access_token)
        await site.send('unattended access', { method: 'GET', path: site.accessPath, headers, node })
      }
      await site.pause(50)
    }
  }
  return { done: run() }
}
