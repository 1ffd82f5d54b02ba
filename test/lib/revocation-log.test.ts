import t from 'tap'
import { createRevocationLog, revocationFingerprint } from '../../lib/revocation-log.ts'

t.test('what is added is known, once, in its order', async (t) => {
  const log = createRevocationLog((id) => `<${id}>`)
  t.same(log.add(['a', 'b', 'a'], 10), ['a', 'b'])
  t.same(log.add(['b', 'c'], 20), ['c'])
  t.ok(log.has('c'))
  t.notOk(log.has('<c>'))
  t.equal(log.size, 3)
  t.same(log.since(0), ['<a>', '<b>', '<c>'])
  t.same(log.since(20), ['<c>'])
  t.same(log.since(21), [])
})

t.test('what is forgotten is gone, and may come again', async (t) => {
  const log = createRevocationLog()
  log.add(['a'], 10)
  log.add(['b'], 20)
  log.forget(10)
  t.equal(log.size, 2)
  log.forget(20)
  t.notOk(log.has('a'))
  t.same(log.since(0), ['b'])
  t.same(log.add(['a'], 30), ['a'])
})

t.test('a clock that is set back hides nothing', async (t) => {
  const log = createRevocationLog()
  log.add(['a'], 100)
  log.add(['b'], 50)
  t.same(log.since(100), ['a', 'b'])
  log.forget(60)
  t.ok(log.has('b'))
})

t.test('a fingerprint is the SHA-256 of the id, shortened', async (t) => {
  // printf abc | openssl dgst -sha256 -binary | base64
  t.equal(
    revocationFingerprint('abc'),
    'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='.replace('+', '-').slice(0, 22)
  )
})
