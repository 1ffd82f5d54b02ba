/**
 * What the protocol promises about one session, in few words and on its own: it knows what was answered, which
 * head each store still remembers, and who holds what. It decides nothing that it has not seen; where a store
 * has forgotten and the promise leaves both open, it says so.
 */

/** `advanced`: ms by which the run has moved the clock. `real`: ms of the machine's own clock. */
export interface Instant {
  advanced: number
  real: number
}

/** A refresh token ever seen. Times in ms of the machine's clock; as the run's clock moves on, they and `text` change. */
export interface Token {
  sub: string
  gen: number
  issued_at: number
  expires_at: number
  text: string
}

/** A head as Redis remembers it. What no answer has shown is undefined. */
export interface Head {
  gen: number
  token?: Token
  made?: Instant
  /** The rotation that made it, or a replay of it, was answered with 503. */
  unanswered: boolean
}

/** A refresh of the honest client that got no token, to be tried again. */
export interface Attempt {
  key: string | null
  since: Instant
  /** The first answer was 503, not lost: the server knows that nobody has the head. */
  toldToRetry: boolean
  /** Other tabs tried at the same time with keys of their own. The record knows the key of one of them only. */
  oneOfMany?: {
    /** When the head was made that knows of them all. */
    made: Instant | undefined
  }
}

export interface Presented {
  token: Token
  key: string | null
  by: 'client' | 'thief'
}

export interface Answer {
  status: number
  code?: string
  token?: Token
}

export type Expectation = { rule: string } & (
  { verdict: 'yields' | 'open' } | { verdict: 'refused'; code: string }
)

const yields = (rule: string): Expectation => ({ verdict: 'yields', rule })
const refused = (code: string, rule: string): Expectation => ({ verdict: 'refused', code, rule })

export class ReferenceSession {
  readonly sid: string
  readonly client: 'browser' | 'native'
  readonly overlap: number
  readonly tokens: Token[]
  /** ms of the machine's clock. */
  expires_at: number
  /** Why the session is over: the code of every later refusal. */
  over: 'session_revoked' | 'refresh_token_reused' | undefined
  /** The newest generation that ever was, whoever may have forgotten it. */
  newest = 1
  /** When that was made, at the latest: it may have been made twice. */
  newestMade: Instant
  /** What Redis remembers; undefined where it has no entry. */
  head: Head | undefined
  /** The head that the record knows of. */
  journaled = 1
  /** What the honest client holds. */
  held: Token
  attempt: Attempt | undefined
  /** Somebody else has used the session's tokens. */
  shared = false
  /** What the thief holds. */
  stolen: Token | undefined

  constructor(
    sid: string,
    client: 'browser' | 'native',
    first: Token,
    expires_at: number,
    overlap: number,
    now: Instant
  ) {
    this.newestMade = now
    this.sid = sid
    this.client = client
    this.overlap = overlap
    this.tokens = [first]
    this.held = first
    this.head = { gen: 1, token: first, unanswered: false }
    this.expires_at = expires_at
  }

  /** The parent of the newest head that a store remembers. After Redis lost heads, that is the one of the record. */
  get oldestGood(): number {
    return Math.max(this.head?.gen ?? 0, this.journaled) - 1
  }

  /** What a refresh must answer, asked at `asked` and answered at `answered`. */
  expectation({ token, key, by }: Presented, asked: Instant, answered: Instant): Expectation {
    if (token.expires_at <= asked.real) return refused('refresh_token_invalid', 'an expired token is refused')
    if (this.over) return refused(this.over, 'invariant 2: a revoked session never yields a token again')
    if (token.gen < this.oldestGood) {
      return refused(
        'refresh_token_reused',
        'invariant 5: a token older than the parent never yields a token'
      )
    }
    if (by === 'client' && !this.shared && this.retriesWithinTheRules(key, answered)) {
      return yields('invariant 3: an honest client that retries within the rules never loses its session')
    }
    if ((this.head?.gen ?? this.journaled) !== this.newest) {
      return { verdict: 'open', rule: 'a store has forgotten the newest head' }
    }
    if (token.gen === this.newest) return yields('the head yields a token')
    if (this.head?.unanswered || (key !== null && key === this.attempt?.key)) {
      return { verdict: 'open', rule: 'the parent of an unanswered head' }
    }
    if (this.head?.made && mostSince(this.head.made, answered) < this.overlap) {
      return yields('the parent is replayed within the overlap')
    }
    if (leastSince(this.head?.made ?? this.newestMade, asked) >= this.overlap) {
      return refused('refresh_token_reused', 'invariant 6: the parent, outside the overlap, shows a theft')
    }
    return { verdict: 'open', rule: 'it is not known how old the head is' }
  }

  /** The client's answer was lost, and it has nothing but the overlap to get it again. */
  get mustRetrySoon(): boolean {
    return this.attempt?.key === null && !this.attempt.toldToRetry && !this.head?.unanswered
  }

  private retriesWithinTheRules(key: string | null, now: Instant): boolean {
    if (!this.attempt) return true
    if (this.mustRetrySoon) return mostSince(this.attempt.since, now) < this.overlap
    if (this.attempt.toldToRetry || this.head?.unanswered === true) return true
    const { oneOfMany } = this.attempt
    const keyIsKnown = !oneOfMany || (oneOfMany.made !== undefined && oneOfMany.made === this.head?.made)
    return keyIsKnown && key === this.attempt.key
  }

  /** Takes in that a refresh was answered with a token. @returns the token, the same object for the same text */
  answered(answer: Token, by: Presented['by'], asked: Instant): Token {
    const known = this.tokens.find(({ text }) => text === answer.text)
    const token = known ?? answer
    if (!known) this.tokens.push(token)
    if (this.head?.gen === token.gen) this.head.token = token
    // An entry written anew may hold the head of the journal, whose age only the journal knows.
    else this.made({ gen: token.gen, token, unanswered: false, ...(this.head ? { made: asked } : {}) }, asked)
    if (by === 'thief') this.stolen = token
    return token
  }

  /** Takes in what of that reached the client. */
  arrived(token: Token): void {
    this.held = token
    this.attempt = undefined
  }

  /** Takes in that an answer, already taken in, never reached the client. */
  lost(key: string | null, asked: Instant): void {
    if (!this.attempt || this.attempt.toldToRetry) this.attempt = { key, since: asked, toldToRetry: false }
  }

  /** The same of the answers to several tabs. @param key of the tab that will come back */
  allLost(key: string, asked: Instant): void {
    this.attempt = { key, since: asked, toldToRetry: false, oneOfMany: { made: this.head?.made } }
  }

  /** Takes in that a refresh was answered with 503 although its token was good. */
  unanswered({ token, key, by }: Presented, asked: Instant): void {
    if (by === 'client') this.attempt ??= { key, since: asked, toldToRetry: true }
    // Where Redis has no entry nothing was done.
    const gen = token.gen + 1
    if (this.head?.gen === gen) this.head.unanswered = true
    else if (this.head) this.made({ gen, made: asked, unanswered: true }, asked)
  }

  private made(head: Head, at: Instant): void {
    this.head = head
    if (head.gen >= this.newest) this.newestMade = at
    this.newest = Math.max(this.newest, head.gen)
  }
}

/** ms that have gone by at the most, at the least: the machine's own time may count or not. */
const mostSince = (then: Instant, now: Instant) => now.advanced - then.advanced + now.real - then.real
const leastSince = (then: Instant, now: Instant) => now.advanced - then.advanced
