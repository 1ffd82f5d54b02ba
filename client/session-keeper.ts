import type { TokenAnswer } from '../schemas/tokens.ts'
import type { Ask } from './ask.ts'
import { createAttemptKey } from './attempt-key.ts'
import { AuthError } from './auth-error.ts'
import type { AuthListener, AuthState, SignedOut } from './auth-state.ts'
import { createListeners } from './listeners.ts'
import { dueBefore, marginOf, pauseAfter } from './pace.ts'
import type { SignedInBy, TabMessage } from './tab-message.ts'
import { createWaiting } from './waiting.ts'
import { isVisible, watchWaking } from './waking.ts'

/** ms that a tab just opened waits for another one to share its session */
const askFor = 50
/** ms that a login or logout in another tab may hold refreshes of this one back; then it goes on by itself */
const holdFor = 3000

// The one clock here. The system's may be wrong, or be set meanwhile, and nothing is taken from it.
const now = () => performance.now()

export type SessionKeeper = ReturnType<typeof createSessionKeeper>

/**
 * Keeps one session alive: holds its access token, in memory only, and exchanges it ahead of its end.
 * Takes no lock: there is one try at a time in a tab, and what tabs do at once the server answers alike.
 * @param name of what the tabs of this origin share
 * @param timeout ms that a call waits for news
 */
export function createSessionKeeper(name: string, ask: Ask, timeout: number) {
  const key = createAttemptKey(name)
  const { listeners, subscribe, emit } = createListeners()
  const { calls, settle, news } = createWaiting(() => trouble)
  /** Sessions that are over, against messages that come late. */
  const over = new Set<string | undefined>()

  let state: AuthState = { status: 'unknown' }
  /** undefined: not known yet; null: nobody. */
  let held: TokenAnswer | null | undefined
  /** When its access token expires. */
  let expires_at = 0

  /** The try under way. Once it is aborted, its answer is dropped. */
  let trying: AbortController | undefined
  /** When the next try is due: ahead of the token's end, or after one that failed. */
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Tries that failed in a row. After one there is a pause, which only waking cuts short: down to `notBefore`. */
  let failures = 0
  let notBefore = 0
  /** Why the last try failed, or the session ended. */
  let trouble: AuthError | undefined

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

  function due(ms: number) {
    clearTimeout(timer)
    timer = setTimeout(refresh, ms, true)
  }

  function schedule() {
    clearTimeout(timer)
    // Nobody looks at a hidden page: its session may idle, and what it asks for is refreshed when it asks.
    if (held && isVisible()) due(left() - dueBefore(held))
  }

  /** Drops the try under way. The key is kept, so that the next one gets the answer that this one lost. */
  function halt() {
    clearTimeout(timer)
    trying?.abort()
    trying = undefined
  }

  function go() {
    if (held === undefined || calls.size > 0 || failures > 0) due(notBefore - now())
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
    failures = 0
    trouble = undefined
    const signedIn = { status: 'signed_in', user, session_id, expires_at, expires_in } as const
    state = signedIn
    settle()
    schedule()
    emit({ type: again ? 'refreshed' : 'signed_in', state: signedIn, by, verdict, from })
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
    failures = 0
    trouble = error
    const signedOut = { status: 'signed_out', reason } as const
    state = signedOut
    settle()
    emit({ type: 'signed_out', state: signedOut, error, from })
    if (from === 'this_tab') post({ type: 'ended', session_id, reason })
  }

  /** @param paused whether the pause after a failure is over; who just needs a token waits for its end */
  function refresh(paused = false) {
    if (!closed && !changing && !trying && !holdTimer && (paused || failures === 0)) void attempt()
  }

  async function attempt() {
    clearTimeout(timer)
    const { signal } = (trying = new AbortController())
    const before = held
    const sent = now()
    const used = key.read()
    const headers = { 'idempotency-key': used }
    const answer = await ask<TokenAnswer>('refresh', { headers, signal, wanted: 'expires_in' }).catch(
      (error: AuthError) => error
    )
    // A logout that began meanwhile wins, and so does a login.
    if (signal.aborted) return
    trying = undefined
    if (!(answer instanceof AuthError)) {
      key.renew(used)
      accept(answer, sent, 'refresh')
    } else if (answer.action === 'retry') {
      if (held === before) postpone(answer)
      else schedule()
    } else {
      failures = 0
      if (answer.action === 'none') settle(answer)
      else if (held === before) end(answer.code, 'this_tab', answer)
      // Another tab has had good news meanwhile, so what was refused may be the session before.
      else refresh()
    }
  }

  /** The access token is known to be no good any more: refreshes, and does not wait for it. */
  function expire() {
    expires_at = 0
    refresh()
  }

  /** Keeps the session, and tries again later. */
  function postpone(error: AuthError) {
    const { asked, pause } = pauseAfter(failures, error.retryAfter)
    trouble = error
    failures += 1
    notBefore = now() + asked
    due(pause)
    emit({ type: 'delayed', state, error, retry_in: pause / 1000 })
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
    // The clock may have stood still as well: nothing is known of the token, and one in its youth may be dead.
    if (asleep) expires_at = 0
    if (failures > 0) {
      // What failed may succeed now.
      failures = 1
      if (isVisible() && now() >= notBefore) refresh(true)
    } else if (isVisible() && (asleep || (held ? left() < held.expires_in * 750 : held !== null))) refresh()
    else schedule()
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
        const { reason } = state as SignedOut
        const message = `Nobody is signed in (${reason}). Call login().`
        throw new AuthError('not_signed_in', message, { action: 'reauthenticate', cause: trouble })
      }
      const fit = held?.access_token === refused ? undefined : held
      const rest = fit ? left() : 0
      if (fit && rest > marginOf(fit) / 4) {
        if (rest < marginOf(fit)) refresh()
        return fit.access_token
      }
      refresh()
      try {
        await news(rest > 0 ? Math.min(timeout, rest >> 1) : timeout, signal)
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
  async function change<Result>(work: () => Promise<Result>): Promise<Result> {
    begin()
    const result = queue.then(async () => {
      const before = held
      changing = true
      halt()
      post({ type: 'hold' })
      try {
        return await work()
      } finally {
        changing = false
        if (held === before) post({ type: 'go' })
        go()
      }
    })
    queue = result.catch(() => undefined)
    return result
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
    ...{ token, renew, expire, user, change, accept, close },
    state: () => state,
    subscribe: (listener: AuthListener) => {
      begin()
      return subscribe(listener)
    },
    end: (reason: string) => {
      end(reason, 'this_tab')
    }
  }
}

const closedError = () => new AuthError('closed', 'The client was closed.')
