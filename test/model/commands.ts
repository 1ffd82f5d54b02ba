import fc from 'fast-check'
import assert from 'node:assert/strict'
import { advance, forget, rollBack, takeSnapshot } from './levers.ts'
import { observe } from './observe.ts'
import type { ReferenceSession } from './reference.ts'
import type { Run } from './run.ts'
import { at, type World } from './world.ts'

export type Command = fc.AsyncCommand<Run, World>

/** A kind of command: what is drawn for it, when it makes sense, and what it does. */
function command<Drawn extends object>(
  name: string,
  drawn: { [Key in keyof Drawn]: fc.Arbitrary<Drawn[Key]> },
  run: (run: Run, drawn: Drawn) => Promise<void>,
  check: (run: Readonly<Run>, drawn: Drawn) => boolean = () => true
): fc.Arbitrary<Command> {
  return fc.record(drawn).map((values) => ({
    check: (model) => check(model, values),
    async run(model) {
      await run(model, values)
      await observe(model)
    },
    toString: () => `${name}(${JSON.stringify(values)})`
  }))
}

const node = fc.nat({ max: 1 })
const session = fc.nat({ max: 2 })
const token = fc.nat({ max: 9 })
const key = fc.boolean()

const sessionOf = (run: Readonly<Run>, { session }: { session: number }) => at(run.sessions, session)

/** The Idempotency-Key of the client's next try: the one of the attempt that it repeats, or a new one if it uses them. */
const keyFor = (run: Run, { attempt }: ReferenceSession, usesKeys: boolean) =>
  attempt ? attempt.key : usesKeys ? run.newKey() : null

export const signIn = command(
  'signIn',
  { client: fc.constantFrom('browser' as const, 'native' as const), node },
  (run, { client, node }) => run.signIn(client, node),
  ({ sessions }) => sessions.length < 3
)

export const refresh = command('refresh', { session, node, key }, async (run, drawn) => {
  const session = sessionOf(run, drawn)
  const tries = [{ node: drawn.node, key: keyFor(run, session, drawn.key) }]
  const { token } = await run.present(session, session.held, 'client', tries)
  if (token) session.arrived(token)
})

export const refreshLosingTheAnswer = command(
  'refreshLosingTheAnswer',
  { session, node, key },
  async (run, drawn) => {
    const session = sessionOf(run, drawn)
    const key = keyFor(run, session, drawn.key)
    const { token, asked } = await run.present(session, session.held, 'client', [{ node: drawn.node, key }])
    if (token) session.lost(key, asked)
  }
)

export const refreshInTabs = command(
  'refreshInTabs',
  { session, tabs: fc.integer({ min: 2, max: 6 }), key },
  async (run, drawn) => {
    const session = sessionOf(run, drawn)
    const tries = Array.from({ length: drawn.tabs }, (_, node) => ({
      node,
      key: drawn.key ? run.newKey() : null
    }))
    const { token } = await run.present(session, session.held, 'client', tries)
    if (token) session.arrived(token)
  },
  (run, drawn) => !sessionOf(run, drawn).attempt
)

/** All the tabs of a browser wake at once, each with a key of its own, and no answer reaches any of them. */
export const refreshInTabsLosingTheAnswers = command(
  'refreshInTabsLosingTheAnswers',
  { session, tabs: fc.integer({ min: 2, max: 6 }), comesBack: fc.nat({ max: 5 }) },
  async (run, drawn) => {
    const session = sessionOf(run, drawn)
    const tries = Array.from({ length: drawn.tabs }, (_, node) => ({ node, key: run.newKey() }))
    const { token, asked } = await run.present(session, session.held, 'client', tries)
    if (token) session.allLost(at(tries, drawn.comesBack).key, asked)
  },
  (run, drawn) => !sessionOf(run, drawn).attempt
)

/** Somebody else presents a token, any that was ever seen. */
export const steal = command('steal', { session, token, node }, async (run, drawn) => {
  const session = sessionOf(run, drawn)
  session.shared = true
  await run.present(session, at(session.tokens, drawn.token), 'thief', [{ node: drawn.node, key: null }])
})

/** Two parties present two tokens of a session at the same time. */
export const stealAtOnce = command(
  'stealAtOnce',
  { session, token, other: token },
  async (run, drawn) => {
    const session = sessionOf(run, drawn)
    session.shared = true
    await run.presentAtOnce(session, [at(session.tokens, drawn.token), at(session.tokens, drawn.other)])
  },
  (run, drawn) => sessionOf(run, drawn).tokens.length > 1
)

export const logOut = command('logOut', { session, token, node }, (run, drawn) => {
  const session = sessionOf(run, drawn)
  return run.logOut(session, at(session.tokens, drawn.token), drawn.node)
})

export const logOutEverywhere = command(
  'logOutEverywhere',
  { node },
  (run, { node }) => run.logOutEverywhere(run.accessToken() ?? '', node),
  (run) => run.accessToken() !== undefined
)

/** Within the overlap, out of it, and most of an idle life; two of these pass the absolute expiry. */
export const advanceTheClock = command(
  'advanceTheClock',
  { seconds: fc.constantFrom(4, 4, 4, 12, 12, 12, 72_000) },
  (run, { seconds }) => advance(run, seconds * 1000)
)

export const flushRedis = command('flushRedis', {}, forget)

export const snapshotRedis = command('snapshotRedis', {}, async (run) => {
  run.snapshots.push(await takeSnapshot(run))
})

export const rollRedisBack = command(
  'rollRedisBack',
  { snapshot: fc.nat({ max: 2 }) },
  (run, { snapshot }) => rollBack(run, at(run.snapshots, snapshot)),
  ({ snapshots }) => snapshots.length > 0
)

export const flushJournal = command('flushJournal', { node }, (run, { node }) =>
  run.node(node).scope.sessionJournal.flush()
)

export const crash = command('crash', { node }, (run, { node }) => run.world.crash(node))

/** What a client that may go on meets while Postgres is away: it is told to come back, and nothing else. */
export const refreshWithoutPostgres = command(
  'refreshWithoutPostgres',
  { session, node, key },
  async (run, drawn) => {
    const session = sessionOf(run, drawn)
    const presented = { token: session.held, key: keyFor(run, session, drawn.key), by: 'client' as const }
    const asked = run.now()
    await run.world.withoutPostgres(async () => {
      const { status, code } = await run.refresh(session, presented.token, { ...presented, node: drawn.node })
      assert.deepEqual([status, code], [503, 'temporarily_unavailable'])
    })
    fc.pre(session.expectation(presented, asked, run.now()).verdict === 'yields')
    session.unanswered(presented, asked)
  },
  (run, drawn) => {
    const session = sessionOf(run, drawn)
    const presented = { token: session.held, key: session.attempt?.key ?? null, by: 'client' as const }
    return session.expectation(presented, run.now(), run.now()).verdict === 'yields'
  }
)
