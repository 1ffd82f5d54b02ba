import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { batchedLookup } from '../../lib/batched-lookup.ts'
import { until } from '../stores/until.ts'

/** A look-up whose queries are answered when the test says so. */
function held() {
  const queries: { ids: readonly string[]; answer: () => void; fail: (error: Error) => void }[] = []
  const find = batchedLookup<string>(
    (ids) =>
      new Promise((resolve, reject) => {
        const answer = () => {
          resolve(new Map(ids.filter((id) => id !== 'nobody').map((id) => [id, id.toUpperCase()])))
        }
        queries.push({ ids, answer, fail: reject })
      })
  )
  return { queries, find }
}

t.test('what is asked in one turn of the event loop shares a query, in whatever callback', async (t) => {
  const { queries, find } = held()
  const first = find('a')
  // As the requests of two sockets: the microtasks of the one are done before the other is read.
  await new Promise<void>((resolve) => {
    process.nextTick(resolve)
  })
  const others = [find('b'), find('a'), find('nobody')]
  await setImmediate()
  t.match(queries, [{ ids: ['a', 'b', 'a', 'nobody'] }])
  t.equal(queries.length, 1)
  queries[0]?.answer()
  t.same(await Promise.all([first, ...others]), ['A', 'B', 'A', undefined])
})

t.test('what comes while a query is under way gathers for the next one', async (t) => {
  const { queries, find } = held()
  const first = find('a')
  await setImmediate()
  const second = find('b')
  const third = find('c')
  queries[0]?.answer()
  t.equal(await first, 'A')
  await until('the next query', async () => queries.length === 2)
  t.same(queries[1]?.ids, ['b', 'c'])
  queries[1]?.answer()
  t.same(await Promise.all([second, third]), ['B', 'C'])
  const later = find('d')
  await setImmediate()
  queries[2]?.answer()
  t.equal(await later, 'D', 'one alone waits for nothing')
})

t.test('a query that fails, or hangs, is the trouble of those who asked for it', async (t) => {
  const { queries, find } = held()
  const failing = find('a')
  await setImmediate()
  const second = find('b')
  queries[0]?.fail(new Error('gone'))
  await t.rejects(failing, { message: 'gone' })
  await until('the next query', async () => queries.length === 2)
  // The second one hangs: the third does not wait for it for long.
  const third = find('c')
  await until('one beside it', async () => queries.length === 3)
  queries[2]?.answer()
  t.equal(await third, 'C')
  queries[1]?.answer()
  t.equal(await second, 'B')
})
