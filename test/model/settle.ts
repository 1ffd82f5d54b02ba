import assert from 'node:assert/strict'
import { advance } from './levers.ts'
import { observe } from './observe.ts'
import type { ReferenceSession } from './reference.ts'
import type { Run } from './run.ts'

/** Longer than the overlap. ms */
const later = 12_000

/** Lets the overlap pass, once Redis knows which heads were answered: that follows the answers, at no set time. */
async function pass(run: Run): Promise<void> {
  await observe(run)
  await advance(run, later)
}

/**
 * What is asked of every session at the end of a run: one that is over stays over for each of its tokens, an
 * honest client still gets in, and two parties that both go on refreshing are found out.
 */
export async function settle(run: Run): Promise<void> {
  const comesBack = async (session: ReferenceSession) => {
    const tries = [{ node: 0, key: session.attempt?.key ?? null }]
    const { token } = await run.present(session, session.held, 'client', tries)
    if (token) session.arrived(token)
  }
  const live = run.sessions.filter(({ over }) => !over)
  await Promise.all(live.filter((session) => session.mustRetrySoon).map(comesBack))

  await pass(run)
  const ending = run.now().real + 10 * later
  const stolen = live.filter(
    ({ stolen, held }) => stolen && Math.min(stolen.expires_at, held.expires_at) > ending
  )
  await Promise.all(live.filter((session) => !stolen.includes(session)).map(comesBack))

  for (const by of ['client', 'thief', 'client', 'thief'] as const) {
    const open = stolen.filter(({ over }) => !over)
    if (open.length > 0) await pass(run)
    for (const session of open) {
      const token = by === 'client' ? session.held : session.stolen
      if (!token) continue
      const answer = await run.present(session, token, by, [{ node: by === 'client' ? 0 : 1, key: null }])
      if (by === 'client' && answer.token) session.arrived(answer.token)
    }
  }
  for (const { over } of stolen) {
    const rule = 'invariant 6: two parties that both go on refreshing are found out'
    run.count(rule)
    assert.equal(over, 'refresh_token_reused', rule)
  }

  const over = run.sessions.filter(({ over }) => over)
  await Promise.all(
    over.flatMap((session) =>
      session.tokens.map((token, node) => run.present(session, token, 'thief', [{ node, key: null }]))
    )
  )
  await observe(run)
}
