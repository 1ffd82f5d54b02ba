import t from 'tap'
import { createWriteBehind } from '../../lib/write-behind.ts'

interface Entry {
  key: string
  value: number
}

function setUp(limit = 10) {
  const written: Entry[][] = []
  const changes: boolean[] = []
  const store = { up: true }
  const queue = createWriteBehind<Entry>({
    limit,
    async write(entries) {
      if (!store.up) throw new Error('away')
      written.push([...entries])
    },
    merge: (entry, known) => (entry.value > known.value ? entry : known),
    onChange: ({ failing }) => changes.push(failing)
  })
  const note = (key: string, value: number) => {
    queue.note(key, { key, value })
  }
  return { queue, note, written, changes, store }
}

t.test('the last entry of each key is written, once', async (t) => {
  const { queue, note, written } = setUp()
  note('a', 1)
  note('b', 1)
  note('a', 3)
  note('a', 2)
  await queue.close()
  await queue.flush()
  t.strictSame(written, [
    [
      { key: 'a', value: 3 },
      { key: 'b', value: 1 }
    ]
  ])
})

t.test('what the store does not take is kept, and a later entry wins over it', async (t) => {
  const { queue, note, written, changes, store } = setUp()
  store.up = false
  note('a', 1)
  note('b', 1)
  await queue.flush()
  await queue.flush()
  t.equal(queue.failing, true)
  note('a', 2)
  store.up = true
  await queue.close()
  t.strictSame(written, [
    [
      { key: 'a', value: 2 },
      { key: 'b', value: 1 }
    ]
  ])
  t.strictSame(changes, [true, false], 'said once as it fails, once as it goes on')
})

t.test('beyond its limit the oldest are dropped, and counted', async (t) => {
  const { queue, note, written } = setUp(2)
  for (const key of ['a', 'b', 'c']) note(key, 1)
  t.equal(queue.size, 2)
  t.equal(queue.dropped, 1)
  t.strictSame(queue.oldest(), { key: 'b', value: 1 })
  await queue.close()
  t.strictSame(
    written.flat().map(({ key }) => key),
    ['b', 'c']
  )
})

t.test('who flushes while a writing is under way waits for one more, however many they are', async (t) => {
  const gates: (() => void)[] = []
  const written: string[][] = []
  const queue = createWriteBehind<string>({
    limit: 10,
    write: (entries) =>
      new Promise((resolve) => {
        written.push([...entries])
        gates.push(resolve)
      }),
    onChange: () => undefined
  })
  queue.note('a', 'a')
  const first = queue.flush()
  await Promise.resolve()
  queue.note('b', 'b')
  const second = queue.flush()
  queue.note('c', 'c')
  t.equal(queue.flush(), second)
  gates.shift()?.()
  await first
  await Promise.resolve()
  gates.shift()?.()
  await second
  t.strictSame(written, [['a'], ['b', 'c']])
  await queue.close()
})
