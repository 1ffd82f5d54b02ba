import fc from 'fast-check'
import type { Test } from 'tap'
import type { Command } from './commands.ts'
import { takeSnapshot } from './levers.ts'
import { Run } from './run.ts'
import { settle } from './settle.ts'
import type { World } from './world.ts'

export interface Draw {
  /** How often each command is drawn, relative to the others. */
  commands: { weight: number; arbitrary: fc.Arbitrary<Command> }[]
  runs: number
  /** Draws that go on side by side: while one waits for a store, another has the processor. */
  lanes: number
}

/** How often each rule was held against an answer, and how many runs there were. */
interface Tally {
  runs: number
  rules: Map<string, number>
}

function propertyOf(world: World, commands: Draw['commands'], tally: Tally) {
  return fc.asyncProperty(
    fc.commands([fc.oneof(...commands)], { maxCommands: 24, size: 'max' }),
    async (drawn) => {
      const run = new Run(world, tally.rules)
      await run.signIn('browser', 0)
      run.snapshots.push(await takeSnapshot(run))
      await fc.asyncModelRun(() => ({ model: run, real: world }), drawn)
      await settle(run)
      tally.runs += 1
    }
  )
}

/**
 * Draws runs of commands and holds the world against the reference. A failure prints its seed, its path and
 * the shortest run that still fails. FAST_CHECK_SEED=… draws the same runs again; with FAST_CHECK_PATH=… too,
 * it goes straight to the one that failed, and makes it short again. FAST_CHECK_TIMES=… makes so many times the runs.
 */
export async function holds(t: Test, world: World, { commands, runs, lanes }: Draw): Promise<void> {
  const { FAST_CHECK_SEED: seed, FAST_CHECK_PATH: path, FAST_CHECK_TIMES } = process.env
  const tally: Tally = { runs: 0, rules: new Map() }
  const property = propertyOf(world, commands, tally)
  const numRuns = Math.ceil((runs * Number(FAST_CHECK_TIMES ?? 1)) / lanes)
  const asserted = seed
    ? [
        fc.assert(property, {
          numRuns,
          seed: Number(seed),
          ...(path ? { path: path.replace(/:.*/, '') } : {})
        })
      ]
    : Array.from({ length: lanes }, () => fc.assert(property, { numRuns }))
  const failure = (await Promise.allSettled(asserted)).find(({ status }) => status === 'rejected')
  if (failure?.status === 'rejected') throw failure.reason
  t.comment(`${String(tally.runs)} runs`)
  for (const [rule, times] of tally.rules) t.comment(`${String(times)} times: ${rule}`)
}

/** What the first run says that shows the world to be broken, or undefined where none of them does. */
export async function finds(world: World, { commands, runs }: Draw): Promise<string | undefined> {
  const property = propertyOf(world, commands, { runs: 0, rules: new Map() })
  const { failed, errorInstance } = await fc.check(property, { numRuns: runs, endOnFailure: true })
  return failed ? String(errorInstance) : undefined
}
