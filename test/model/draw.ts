import * as commands from './commands.ts'
import type { Draw } from './property.ts'

/** What people, thieves and a forgetful Redis do, and how often. */
export const draw: Draw['commands'] = [
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
]
