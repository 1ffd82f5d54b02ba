import t from 'tap'
import * as commands from './commands.ts'
import { holds } from './property.ts'
import { makeWorld, proxyToPostgres } from './world.ts'

t.test('the invariants hold while nodes die with their journals, and Postgres goes away', async (t) => {
  // One lane: a node or a store that goes is gone for every run.
  await holds(t, await makeWorld(t, await proxyToPostgres(t)), {
    commands: [
      { weight: 3, arbitrary: commands.signIn },
      { weight: 6, arbitrary: commands.refresh },
      { weight: 8, arbitrary: commands.refreshLosingTheAnswer },
      { weight: 8, arbitrary: commands.refreshWithoutPostgres },
      { weight: 4, arbitrary: commands.steal },
      { weight: 4, arbitrary: commands.advanceTheClock },
      { weight: 2, arbitrary: commands.flushRedis },
      { weight: 1, arbitrary: commands.snapshotRedis },
      { weight: 2, arbitrary: commands.rollRedisBack },
      { weight: 1, arbitrary: commands.flushJournal },
      { weight: 1, arbitrary: commands.crash }
    ],
    runs: 20,
    lanes: 1
  })
})
