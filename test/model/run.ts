import assert from 'node:assert/strict'
import { v7 as uuidv7 } from 'uuid'
import type { RefreshTokenClaims } from '../../schemas/tokens.ts'
import { bearer, refresh, refreshNative, tokensOf, type App } from '../helper.ts'
import type { Snapshot } from './levers.ts'
import { ReferenceSession, type Answer, type Expectation, type Instant } from './reference.ts'
import type { Presented, Token } from './reference.ts'
import { at, lives, type World } from './world.ts'

/** One try of a refresh: the node that it reaches, and its Idempotency-Key. */
export interface Try {
  node: number
  key: string | null
}

/** One run: a fresh user on the world, their sessions, and what is known of them. */
export class Run {
  readonly world: World
  readonly user_id = uuidv7()
  readonly sessions: ReferenceSession[] = []
  readonly snapshots: Snapshot[] = []
  /** ms by which the clock was moved. */
  advanced = 0
  private readonly access = new Map<string, { token: string; since: number }>()
  private readonly tally: Map<string, number>
  private keys = 0

  /** @param tally how often each rule was held against an answer */
  constructor(world: World, tally: Map<string, number>) {
    this.world = world
    this.tally = tally
  }

  now(): Instant {
    return { advanced: this.advanced, real: Date.now() }
  }

  newKey(): string {
    this.keys += 1
    return `key ${String(this.keys)}`
  }

  node(index: number): App {
    return at(this.world.nodes, index)
  }

  /** Signs in as the routes do once the password is proved: to hash one each time would take most of the run. */
  async signIn(client: 'browser' | 'native', node: number): Promise<void> {
    const { stores } = this.world
    const { users, sessions } = this.node(node).scope
    const user = { ...users.make(`${this.user_id}@example.com`, null), id: this.user_id }
    const { access_token, refresh_token, session_id } = await sessions.start(
      user,
      ['pwd'],
      { client, device_id: null, ip: null, user_agent: null },
      this.sessions.length === 0
        ? { insertUser: (transaction) => users.insert(transaction, user, 'none') }
        : {}
    )
    const expires_at = Number(await stores.redis.hget(stores.key(session_id), 'expires_at'))
    this.access.set(session_id, { token: access_token, since: this.advanced })
    const first = tokenOf(refresh_token)
    this.sessions.push(new ReferenceSession(session_id, client, first, expires_at, lives.overlap, this.now()))
  }

  /**
   * Presents a token, at the same time for every try, and holds the answers against what the reference expects.
   * @returns what the server answered; whether that reaches the client is for the caller to say
   */
  async present(session: ReferenceSession, token: Token, by: Presented['by'], tries: Try[]) {
    const asked = this.now()
    const answers = await Promise.all(tries.map((each) => this.refresh(session, token, each)))
    const answered = this.now()
    for (const [index, answer] of answers.entries()) {
      const { key } = at(tries, index)
      this.judge(answer, token, session.expectation({ token, key, by }, asked, answered))
    }
    const given = answers.flatMap((answer) => answer.token ?? [])
    assert.ok(
      new Set(given.map(({ text }) => text)).size <= 1,
      'invariant 1: one token was exchanged for two'
    )
    const [exchanged] = given.map((token) => session.answered(token, by, asked))
    if (answers.some(({ code }) => code === 'refresh_token_reused')) session.over = 'refresh_token_reused'
    return { token: exchanged, asked }
  }

  /** Presents tokens at the same time, whose order nobody knows: only what no order allows is a fault. */
  async presentAtOnce(session: ReferenceSession, tokens: [Token, Token]): Promise<void> {
    const asked = this.now()
    const { oldestGood, over } = session
    const answers = await Promise.all(
      tokens.map((token, node) => this.refresh(session, token, { node, key: null }))
    )
    for (const [index, answer] of answers.entries()) {
      const token = at(tokens, index)
      // Whether a token still was good when the other one came may be past telling; then nothing is decided.
      if (answer.status === 503 && !over) continue
      const rule = 'invariant 5: of two tokens at once, none older than the parent yields a token'
      const expired = token.expires_at <= asked.real
      const code = expired ? 'refresh_token_invalid' : (over ?? 'refresh_token_reused')
      const mustFail = expired || over !== undefined || token.gen < oldestGood
      this.judge(answer, token, mustFail ? { verdict: 'refused', code, rule } : { verdict: 'open', rule })
    }
    const given = answers.flatMap(({ token }) => token ?? []).sort((one, other) => one.gen - other.gen)
    for (const token of given) session.answered(token, 'thief', asked)
    if (session.head && answers.some(({ status }) => status === 503)) session.head.unanswered = true
    if (answers.some(({ code }) => code === 'refresh_token_reused')) session.over = 'refresh_token_reused'
  }

  async refresh(session: ReferenceSession, token: Token, { node, key }: Try): Promise<Answer> {
    const send = session.client === 'browser' ? refresh : refreshNative
    const response = await send(this.node(node), token.text, key === null ? {} : { 'idempotency-key': key })
    if (response.statusCode !== 200) {
      return { status: response.statusCode, code: response.json<{ code: string }>().code }
    }
    const { refresh_token, access_token } = tokensOf(response)
    this.access.set(session.sid, { token: access_token, since: this.advanced })
    return { status: 200, token: tokenOf(refresh_token) }
  }

  count(rule: string): void {
    this.tally.set(rule, (this.tally.get(rule) ?? 0) + 1)
  }

  private judge({ status, code, token }: Answer, presented: Token, expectation: Expectation): void {
    const { verdict, rule } = expectation
    this.count(rule)
    const said = `generation ${String(presented.gen)} was answered ${String(status)} ${code ?? ''}: ${rule}`
    if (token) {
      assert.notEqual(verdict, 'refused', said)
      assert.equal(
        token.gen,
        presented.gen + 1,
        `invariant 5, ${said}: a token is exchanged for its successor only`
      )
    } else {
      assert.notEqual(verdict, 'yields', said)
      assert.equal(status, 401, said)
      assert.equal(code, verdict === 'refused' ? expectation.code : 'refresh_token_reused', said)
    }
  }

  async logOut(session: ReferenceSession, token: Token, node: number): Promise<void> {
    const request = { method: 'POST', url: '/auth/logout', headers: bearer(token.text) } as const
    const { statusCode } = await this.node(node).inject(request)
    assert.equal(statusCode, 204)
    session.over ??= 'session_revoked'
  }

  /** The access token of a session that is not over, if by the moved clock it is still good. */
  accessToken(): string | undefined {
    for (const { sid, over } of this.sessions) {
      const access = this.access.get(sid)
      if (access && !over && this.advanced - access.since < lives.access) return access.token
    }
    return undefined
  }

  async logOutEverywhere(access_token: string, node: number): Promise<void> {
    const request = { method: 'POST', url: '/auth/logout/all', headers: bearer(access_token) } as const
    const { statusCode } = await this.node(node).inject(request)
    assert.equal(statusCode, 204)
    for (const session of this.sessions) session.over ??= 'session_revoked'
  }
}

function tokenOf(text: string): Token {
  const [, payload = ''] = text.split('.')
  const { sub, gen, iat, exp } = JSON.parse(
    Buffer.from(payload, 'base64url').toString()
  ) as RefreshTokenClaims
  return { sub, gen, issued_at: iat * 1000, expires_at: exp * 1000, text }
}
