import t from 'tap'
import * as commands from './commands.ts'
import { holds } from './property.ts'
import { makeWorld } from './world.ts'

t.test('the invariants hold while Redis loses all it knows, or the last of it', async (t) => {
  await holds(t, await makeWorld(t), {
    commands: [
      { weight: 2, arbitrary: commands.signIn },
      { weight: 6, arbitrary: commands.refresh },
      { weight: 3, arbitrary: commands.refreshLosingTheAnswer },
      { weight: 2, arbitrary: commands.refreshInTabs },
      { weight: 2, arbitrary: commands.refreshInTabsLosingTheAnswers },
      { weight: 4, arbitrary: commands.steal },
      { weight: 2, arbitrary: commands.stealAtOnce },
      { weight: 1, arbitrary: commands.logOut },
      { weight: 1, arbitrary: commands.logOutEverywhere },
      { weight: 2, arbitrary: commands.advanceTheClock },
      { weight: 1, arbitrary: commands.flushRedis },
      { weight: 1, arbitrary: commands.snapshotRedis },
      { weight: 2, arbitrary: commands.rollRedisBack },
      { weight: 2, arbitrary: commands.flushJournal }
    ],
    runs: 2000,
    lanes: 4
  })
})
