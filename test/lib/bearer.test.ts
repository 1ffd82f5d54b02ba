import t from 'tap'
import { bearerToken } from '../../lib/bearer.ts'

t.test('what is a bearer header', async (t) => {
  for (const [header, token] of [
    ['Bearer abc', 'abc'],
    ['bearer   abc  ', 'abc'],
    ['BEARER a-b._~+/c==', 'a-b._~+/c=='],
    ['Bearer {"a":1}', '{"a":1}']
  ] as const) {
    t.equal(bearerToken(header), token, header)
  }
})

t.test('what is none', async (t) => {
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'abc',
    'Basic abc',
    'Bearerabc',
    'Bearer a b',
    ' Bearer a',
    'xBearer a'
  ]) {
    t.equal(bearerToken(header), undefined, String(header))
  }
})
