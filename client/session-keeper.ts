import type { TokenAnswer } from '../schemas/tokens.ts'
import { createAttemptKey } from './attempt-key.ts'
import { AuthError } from './auth-error.ts'
import type { AuthChange, AuthListener, AuthState } from './auth-state.ts'
import { request, within } from './request.ts'
import type { SignedInBy, TabMessage } from './tab-message.ts'
import { isVisible, watchWaking } from './waking.ts'

/** ms that a tab just opened waits for another one to share its session */
const askFor = 50
/** ms that a login or logout in another tab may hold refreshes of this one back; then it goes on by itself */
const holdFor = 3000
/** ms between two tries: doubled from the first to the longest */
const firstDelay = 1000
const longestDelay = 60_000
/** seconds that a Retry-After counts for at most */
const longestRetryAfter = 3600

// The one clock here. The system's may be wrong, or be set meanwhile, and nothing is taken from it.
const now = () => performance.now()

/** ms before its expiry at which an access token is due */
const marginOf = ({ expires_in }: TokenAnswer) => Math.min(60, expires_in / 4) * 1000

export type SessionKeeper = ReturnType<typeof createSessionKeeper>

/**
 * Keeps one session alive: holds its access token, in memory only, and exchanges it ahead of its end.
 * Takes no lock: there is one try at a time in a tab, and what tabs do at once the server answers alike.
 */
export function createSessionKeeper(baseUrl: string, timeout: number) {
  const name = `latchkey:${baseUrl}`
  const key = createAttemptKey(name)
  const listeners = new Set<AuthListener>()
  /** Calls that wait for news of the session. */
  const waiting = new Set<(error?: Error) => void>()
  /** Sessions that are over, against messages that come late. */
  const over = new Set<string | undefined>()

  let state: AuthState = Object.freeze({ status: 'unknown' })
  /** undefined: not known yet; null: nobody. */
  let held: TokenAnswer | null | undefined
  /** When its access token expires. */
  let expires_at = 0
  /** Counts the news, by which a try notices that there was some meanwhile. */
  let version = 0

  /** The try under way. Once it is aborted, its answer is dropped. */
  let trying: AbortController | undefined
  /** When the next try is due: ahead of the token's end, or after one that failed. */
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Tries that failed in a row, and the last reason. The pause after one is not to be cut short. */
  let failures = 0
  let failure: AuthError | undefined
  let pausing = false
  let notBefore = 0

  /** Calls of this tab that change who is signed in: one runs, the others wait. */
  let queue: Promise<unknown> = Promise.resolve()
  let changing = false
  /** Runs while another tab is asked, or holds us back. */
  let holdTimer: ReturnType<typeof setTimeout> | undefined
  let tabs: BroadcastChannel | undefined
  let waking: AbortController | undefined
  let closed = false

  const left = () => expires_at - now()

  const post = (message: TabMessage) => {
    tabs?.postMessage(message)
  }

  function emit(change: AuthChange) {
    // Each by itself, so that what one throws is reported and stops nobody else.
    for (const listener of listeners) {
      queueMicrotask(() => {
        listener(change)
      })
    }
  }

  function settle(error?: Error) {
    for (const finish of waiting) finish(error)
    waiting.clear()
  }

  function news(limit: number, signal?: AbortSignal) {
    return new Promise<void>((resolve, reject) => {
      const finish = (error?: Error) => {
        if (error) reject(error)
        else resolve()
      }
      const deadline = within(limit, signal)
      deadline.onabort = () => {
        waiting.delete(finish)
        const message = `There was no access token within ${String(limit)} ms.`
        finish(
          (signal?.reason as Error | undefined) ??
            failure ??
            new AuthError('timeout', message, { action: 'retry' })
        )
      }
      waiting.add(finish)
    })
  }

  function due(ms: number) {
    clearTimeout(timer)
    timer = setTimeout(() => {
      pausing = false
      refresh()
    }, ms)
  }

  function schedule() {
    clearTimeout(timer)
    // Nobody looks at a hidden page: its session may idle, and what it asks for is refreshed when it asks.
    if (held && isVisible()) due(left() - marginOf(held) * (1 + Math.random() / 2))
  }

  /** Drops the try under way. The key is kept, so that the next one gets the answer that this one lost. */
  function halt() {
    clearTimeout(timer)
    pausing = false
    trying?.abort()
    trying = undefined
  }

  function go() {
    if (held === undefined || waiting.size > 0) refresh()
    else schedule()
  }

  function hold(ms: number) {
    clearTimeout(holdTimer)
    holdTimer = setTimeout(() => {
      release()
      go()
    }, ms)
  }

  function release() {
    clearTimeout(holdTimer)
    holdTimer = undefined
  }

  function adopt(answer: TokenAnswer, expiresAt: number, by: SignedInBy, from: 'this_tab' | 'other_tab') {
    const { user, session_id, expires_in, verdict } = answer
    const again = by === 'refresh' && held?.session_id === session_id
    held = answer
    expires_at = expiresAt
    version += 1
    failures = 0
    failure = undefined
    pausing = false
    const signedIn = Object.freeze({ status: 'signed_in', user, session_id, expires_at, expires_in } as const)
    state = signedIn
    settle()
    schedule()
    emit(
      again
        ? { type: 'refreshed', state: signedIn, verdict, from }
        : { type: 'signed_in', state: signedIn, by, from }
    )
  }

  function share(answer: TokenAnswer, by: SignedInBy) {
    post({ type: 'session', answer, left: left(), by })
  }

  /** Takes an answer of the server, and gives it to the other tabs. @param sent when it was asked for */
  function accept(answer: TokenAnswer, sent: number, by: SignedInBy) {
    adopt(answer, sent + answer.expires_in * 1000, by, 'this_tab')
    share(answer, by)
  }

  function end(reason: string, from: 'this_tab' | 'other_tab', error?: AuthError) {
    halt()
    if (held === null) return
    const session_id = held?.session_id
    over.add(session_id)
    held = null
    version += 1
    const signedOut = Object.freeze({ status: 'signed_out', reason } as const)
    state = signedOut
    settle()
    emit({ type: 'signed_out', state: signedOut, error, from })
    if (from === 'this_tab') post({ type: 'ended', session_id, reason })
  }

  function refresh() {
    if (!closed && !changing && !trying && !pausing && !holdTimer) void attempt()
  }

  async function attempt() {
    clearTimeout(timer)
    const { signal } = (trying = new AbortController())
    const before = version
    const sent = now()
    const used = key.read()
    const headers = { 'idempotency-key': used }
    const answer = await request<TokenAnswer>(`${baseUrl}/auth/refresh`, {
      ...{ method: 'POST', headers, signal, timeout, wanted: 'expires_in' }
    }).catch((error: AuthError) => error)
    // A logout that began meanwhile wins, and so does a login.
    if (signal.aborted) return
    trying = undefined
    if (!(answer instanceof AuthError)) {
      key.renew(used)
      accept(answer, sent, 'refresh')
    } else if (answer.action === 'none') settle(answer)
    else if (version !== before) {
      // Another tab has had good news meanwhile. If this was refused, it may have been the session before.
      if (answer.action === 'retry') schedule()
      else refresh()
    } else if (answer.action === 'retry') delay(answer)
    else end(answer.code, 'this_tab', answer)
  }

  /** Keeps the session, and tries again later: at the earliest when the server said. */
  function delay(error: AuthError) {
    const asked = Math.min(longestRetryAfter, error.retryAfter ?? 0) * 1000
    const backoff = Math.min(longestDelay, firstDelay * 2 ** failures) * (0.5 + Math.random() / 2)
    const ms = Math.max(backoff, asked * (1 + Math.random() / 10))
    failure = error
    failures += 1
    pausing = true
    notBefore = now() + asked
    due(ms)
    emit({ type: 'delayed', state, error, retry_in: ms / 1000 })
  }

  function receive(message: TabMessage) {
    if (message.type === 'ask') {
      if (held && left() > marginOf(held)) share(held, 'refresh')
      return
    }
    if (message.type === 'hold') {
      halt()
      hold(holdFor)
      return
    }
    release()
    if (message.type === 'session' && isNews(message.answer, message.left)) {
      if (held !== undefined && held?.session_id !== message.answer.session_id) halt()
      adopt(message.answer, now() + message.left, message.by, 'other_tab')
    } else if (message.type === 'ended' && held && held.session_id === message.session_id) {
      end(message.reason, 'other_tab')
    } else go()
  }

  /** Not what is over, and of one session only the token that lasts longer. */
  function isNews({ session_id, access_token }: TokenAnswer, leftThere: number) {
    if (held?.session_id === session_id) return held.access_token !== access_token && left() < leftThere
    return !over.has(session_id)
  }

  function wake(asleep: boolean) {
    const overdue = () => held === undefined || (held && left() < held.expires_in * 750)
    if (!isVisible()) {
      if (!pausing) clearTimeout(timer)
    } else if (failures > 0 ? now() >= notBefore : asleep || overdue()) {
      // What failed may succeed now. And the clock may have stood still, so a token in its youth may be dead.
      pausing = false
      failures = 0
      refresh()
    } else if (!pausing) schedule()
  }

  /** Joins the other tabs, at the first call: nothing happens where a client is only made, as on a server. */
  function begin() {
    if (closed) throw closedError()
    if (tabs) return
    tabs = new BroadcastChannel(name)
    tabs.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      receive(data)
    }
    waking = watchWaking(wake)
    post({ type: 'ask' })
    hold(askFor)
  }

  /**
   * An access token that is good for now.
   * @param refused one that was refused; another one is wanted
   */
  async function token(refused?: string, signal?: AbortSignal): Promise<string> {
    begin()
    for (;;) {
      signal?.throwIfAborted()
      if (held === null) {
        const why = state.status === 'signed_out' ? ` (${state.reason})` : ''
        const message = `Nobody is signed in${why}. Call login() or signup() first.`
        throw new AuthError('not_signed_in', message, { action: 'reauthenticate' })
      }
      const fit = held?.access_token === refused ? undefined : held
      const rest = fit ? left() : 0
      if (fit && rest > marginOf(fit) / 4) {
        if (rest < marginOf(fit)) refresh()
        return fit.access_token
      }
      refresh()
      try {
        await news(rest > 0 ? Math.min(timeout, rest / 2) : timeout, signal)
      } catch (error) {
        // The server is away. What is left of the token is better than nothing.
        if (fit && fit === held && left() > 0 && !signal?.aborted) return fit.access_token
        throw error
      }
    }
  }

  /** A new access token, whatever is left of the old one. */
  const renew = () => token(held?.access_token)

  /** Who is signed in, once that is known. */
  async function user() {
    begin()
    while (held === undefined) {
      refresh()
      await news(timeout)
    }
    return held?.user ?? null
  }

  /** Runs what changes who is signed in, with no refresh at the same time, here or in other tabs. */
  function change<Result>(work: () => Promise<Result>): Promise<Result> {
    begin()
    const result = queue.then(async () => {
      const before = version
      changing = true
      halt()
      post({ type: 'hold' })
      try {
        return await work()
      } finally {
        changing = false
        if (version === before) post({ type: 'go' })
        go()
      }
    })
    queue = result.catch(() => undefined)
    return result
  }

  function subscribe(listener: AuthListener) {
    begin()
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  function close() {
    closed = true
    halt()
    release()
    waking?.abort()
    tabs?.close()
    listeners.clear()
    settle(closedError())
  }

  return {
    ...{ token, renew, refresh, user, change, accept, subscribe, close },
    state: () => state,
    end: (reason: string) => {
      end(reason, 'this_tab')
    }
  }
}

const closedError = () => new AuthError('closed', 'This client was closed.')
