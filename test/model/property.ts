import fc from 'fast-check'
import type { Test } from 'tap'
import { redisInMemory } from '../helper.ts'
import type { Command } from './commands.ts'
import { takeSnapshot } from './levers.ts'
import { Run } from './run.ts'
import { settle } from './settle.ts'
import type { World } from './world.ts'

export interface Draw {
  /** How often each command is drawn, relative to the others. */
  commands: { weight: number; arbitrary: fc.Arbitrary<Command> }[]
  /** On a Redis server. The one in the process is slower and gets a quarter. */
  runs: number
  /** Draws that go on side by side: while one waits for a store, another has the processor. */
  lanes: number
}

/**
 * Draws runs of commands and holds the world against the reference. A failure prints its seed, its path and
 * the shortest run that still fails. FAST_CHECK_SEED=… draws the same runs again; with FAST_CHECK_PATH=… too,
 * it goes straight to the one that failed, and makes it short again.
 */
export async function holds(t: Test, world: World, { commands, runs, lanes }: Draw): Promise<void> {
  const { FAST_CHECK_SEED: seed, FAST_CHECK_PATH: path } = process.env
  let count = 0
  const tally = new Map<string, number>()
  const property = fc.asyncProperty(
    fc.commands([fc.oneof(...commands)], { maxCommands: 24, size: 'max' }),
    async (drawn) => {
      const run = new Run(world, tally)
      await run.signIn('browser', 0)
      run.snapshots.push(await takeSnapshot(run))
      await fc.asyncModelRun(() => ({ model: run, real: world }), drawn)
      await settle(run)
      count += 1
    }
  )
  const parameters = {
    numRuns: Math.ceil((redisInMemory ? runs / 4 : runs) / lanes),
    // A slow machine makes fewer runs, not a failure.
    interruptAfterTimeLimit: 70_000
  }
  const asserted = seed
    ? [
        fc.assert(property, {
          ...parameters,
          seed: Number(seed),
          ...(path ? { path: path.replace(/:.*/, '') } : {})
        })
      ]
    : Array.from({ length: lanes }, () => fc.assert(property, parameters))
  const failure = (await Promise.allSettled(asserted)).find(({ status }) => status === 'rejected')
  if (failure?.status === 'rejected') throw failure.reason
  t.comment(`${String(count)} runs`)
  for (const [rule, times] of tally) t.comment(`${String(times)} times: ${rule}`)
}
