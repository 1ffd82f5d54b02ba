import t from 'tap'
import { endOfTurn } from '../../lib/end-of-turn.ts'

t.test('all that ask in a turn wait for the same end, after everything else of it', async (t) => {
  const order: string[] = []
  setImmediate(() => order.push('what was to come next'))
  const first = endOfTurn().then(() => order.push('first'))
  await Promise.resolve().then(() => order.push('the rest of the turn'))
  const second = endOfTurn().then(() => order.push('second'))
  t.equal(endOfTurn(), endOfTurn())
  await Promise.all([first, second])
  t.same(order, ['the rest of the turn', 'what was to come next', 'first', 'second'])
})

t.test('the next turn has an end of its own', async (t) => {
  const first = endOfTurn()
  await first
  t.not(endOfTurn(), first)
  await endOfTurn()
})
