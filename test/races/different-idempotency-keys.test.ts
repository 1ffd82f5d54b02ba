// A laptop wakes, all its tabs refresh at once, each with an Idempotency-Key of its own, and the network goes away
// again before the answers come. Only one of the keys made the head. Every tab comes back with its own, later than
// the overlap: none of them is a thief.
import t from 'tap'
import { build, codeOf, refresh, signUp, tokensOf } from '../helper.ts'
import { genOf } from './race.ts'

const keysOf = (count: number) => Array.from({ length: count }, (_, index) => `key ${String(index)}`)

t.test('parallel refreshes with different keys are one rotation', async (t) => {
  const app = await build(t)
  /** So many tries of one token, each with its key, and then longer than the overlap. */
  const race = async (keys: string[]) => {
    const { refresh_token, session_id } = await signUp(app)
    const responses = await Promise.all(
      keys.map((key) => refresh(app, refresh_token, { 'idempotency-key': key }))
    )
    t.strictSame(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
    t.equal(new Set(responses.map((response) => tokensOf(response).refresh_token)).size, 1)
    await app.scope.redisFollowUp.flush()
    await app.stores.age(session_id, 60_000)
    return { refresh_token, session_id }
  }

  t.test('each of the keys gets the head again after the overlap', async (t) => {
    const { refresh_token } = await race(keysOf(10))
    for (const key of keysOf(10)) {
      const late = await refresh(app, refresh_token, { 'idempotency-key': key })
      t.equal(late.statusCode, 200, key)
      t.equal(genOf(tokensOf(late).refresh_token), 2)
    }
  })

  t.test('a key that was not there does not', async (t) => {
    const { refresh_token } = await race(keysOf(10))
    const late = await refresh(app, refresh_token, { 'idempotency-key': 'another' })
    t.equal(codeOf(late), 'refresh_token_reused')
  })

  t.test('nor does any once the head was exchanged', async (t) => {
    const { refresh_token } = await race(keysOf(2))
    const head = await refresh(app, refresh_token, { 'idempotency-key': 'key 0' })
    await refresh(app, tokensOf(head).refresh_token)
    const late = await refresh(app, refresh_token, { 'idempotency-key': 'key 0' })
    t.equal(codeOf(late), 'refresh_token_reused')
  })

  t.test('the entry stays small, however many keys come', async (t) => {
    const { session_id } = await race(keysOf(100))
    const hashes = await app.stores.redis.hget(app.stores.key(session_id), 'idempotency_key_hashes')
    t.equal(hashes?.split(' ').length, 16)
  })
})
