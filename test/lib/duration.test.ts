import t from 'tap'
import { parseDuration } from '../../lib/duration.ts'

t.test('whole numbers, in seconds or with a unit', async (t) => {
  for (const [text, seconds] of [
    ['0', 0],
    ['7', 7],
    ['250ms', 0.25],
    ['10s', 10],
    ['15m', 900],
    ['2h', 7200],
    ['30d', 2_592_000]
  ] as const) {
    t.equal(parseDuration(text), seconds, text)
  }
})

t.test('nothing else', async (t) => {
  for (const text of [
    '',
    ' ',
    's',
    '-1',
    '+1',
    '1.5h',
    '1 h',
    '1H',
    '1w',
    '1h30m',
    '1e3',
    '0x10',
    '１',
    '1\n'
  ]) {
    t.equal(parseDuration(text), undefined, JSON.stringify(text))
  }
})
