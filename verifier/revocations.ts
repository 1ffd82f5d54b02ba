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

  /** Follows events until the stream ends. */
  const listen = async () => {
    const headers = { accept: 'text/event-stream', ...(asOf === undefined ? {} : { 'last-event-id': asOf }) }
    const { body } = await request('/revocations/stream', headers)
    if (!body) throw new Error('the stream of revocations is empty')
    const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
    for await (const { event, data } of events) {
      allow(silence)
      if (event !== 'revoked') continue
      const answer = JSON.parse(data) as Answer
      learn(answer)
      asOf = answer.as_of
      etag = undefined
    }
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
    while (!closing.signal.aborted) {
      // Why it ended is no matter: polling shows whether the auth server is there at all.
      if (by === 'events') await listen().catch(() => undefined)
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
