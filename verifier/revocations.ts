import { EventSourceParserStream } from 'eventsource-parser/stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRevocationLog } from '../lib/revocation-log.ts'
import type { Revocations as Answer } from '../schemas/revocations.ts'
import { createSource, type SourceStatus } from './source.ts'

export interface Revocations {
  /** @param fingerprint of a `sid` or a `jti`. Asks nobody. */
  has(fingerprint: string): boolean
  /** Begins to follow. @returns once it has heard, or has failed to */
  start(): Promise<void>
  close(): void
  readonly status: SourceStatus
  readonly size: number
}

/** ms from one poll to the next, at most. */
const interval = 2000

/** ms for an answer. */
const timeout = 5000

/** ms without an event after which a stream is given up; there is one every 5 s. */
const silence = 10_000

/** Polls between two streams that carried nothing, at most: some six minutes. */
const maxPatience = 256

/**
 * What was revoked lately, in memory: by server-sent events, or by polling, which also stands in while a stream
 * can not be had. Where the auth server is down, what is known stays known.
 * @param url where the auth server is reached
 * @param by `poll` never opens a stream
 */
export function createRevocations(url: string, by: 'events' | 'poll', onChange: () => void): Revocations {
  const source = createSource(onChange)
  const log = createRevocationLog()
  const closing = new AbortController()
  /** What was revoked before this is known. */
  let asOf: string | undefined
  let etag: string | undefined

  /** @returns whether there was anything new */
  const learn = ({ revoked, remember_for }: Answer) => {
    const news = log.add(revoked, Date.now()).length > 0
    log.forget(Date.now() - remember_for * 1000)
    source.succeeded()
    return news
  }

  // One request at a time: of them, this ends the one under way.
  let current = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const allow = (ms: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      current.abort(new Error('the auth server is silent'))
    }, ms).unref()
  }

  const request = async (path: string, headers: Record<string, string>) => {
    current = new AbortController()
    allow(timeout)
    const response = await fetch(`${url}${path}`, { headers, redirect: 'error', signal: current.signal })
    if (response.ok || response.status === 304) return response
    await response.body?.cancel()
    throw new Error(`${path} answered ${String(response.status)}`)
  }

  const poll = async () => {
    const path = asOf === undefined ? '/revocations' : `/revocations?since=${encodeURIComponent(asOf)}`
    const response = await request(path, etag === undefined ? {} : { 'if-none-match': etag })
    if (response.status === 304) {
      source.succeeded()
      return
    }
    const answer = (await response.json()) as Answer
    if (learn(answer) || asOf === undefined) {
      asOf = answer.as_of
      // It is that of one URL, and the next one is another.
      etag = undefined
    } else etag = response.headers.get('etag') ?? undefined
  }

  /** Follows events until the stream ends. @returns whether there were any. @throws where there is no stream */
  const listen = async () => {
    let heard = false
    const headers = { accept: 'text/event-stream', ...(asOf === undefined ? {} : { 'last-event-id': asOf }) }
    const { body } = await request('/revocations/stream', headers)
    if (!body) throw new Error('the stream of revocations is empty')
    const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
    const reader = events.getReader()
    // Not left to fetch: on Node 20 and 22 it forgets its signal once the response is garbage.
    const end = () => {
      void reader.cancel().catch(() => undefined)
    }
    current.signal.addEventListener('abort', end, { once: true })
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        allow(silence)
        if (next.value.event !== 'revoked') continue
        const answer = JSON.parse(next.value.data) as Answer
        learn(answer)
        asOf = answer.as_of
        etag = undefined
        heard = true
      }
    } catch {
      // It broke off, or went silent.
    } finally {
      end()
    }
    return heard
  }

  const pollQuietly = async () => {
    try {
      await poll()
    } catch (error) {
      if (!closing.signal.aborted) source.failed(error)
    } finally {
      clearTimeout(timer)
    }
  }

  const follow = async () => {
    /** Polls until a stream is tried again: more each time that one carried nothing. */
    let polls = 0
    let patience = 1
    while (!closing.signal.aborted) {
      if (by === 'events' && polls <= 0) {
        // Where it can not be had at all, polling shows whether the auth server is there.
        const silent = await listen().then(
          (heard) => !heard,
          () => false
        )
        patience = silent ? Math.min(patience * 2, maxPatience) : 1
        polls = patience
      }
      polls -= 1
      if (!closing.signal.aborted) await pollQuietly()
      // With jitter, so that services do not come back as one.
      const pause = interval * (0.5 + Math.random() / 2)
      await sleep(pause, undefined, { ref: false, signal: closing.signal }).catch(() => undefined)
    }
  }

  return {
    has: (fingerprint) => log.has(fingerprint),
    async start() {
      await pollQuietly()
      void follow()
    },
    close() {
      closing.abort()
      current.abort()
      clearTimeout(timer)
    },
    get status() {
      return source.status
    },
    get size() {
      return log.size
    }
  }
}
