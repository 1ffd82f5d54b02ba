import t from 'tap'
import { digest } from '../../lib/digest.ts'
import { build, codeOf, refresh, signUp, tokensOf } from '../helper.ts'
import { genOf } from './race.ts'

const keys = Array.from({ length: 10 }, (_, index) => `key ${String(index)}`)

t.test('parallel refreshes with different keys are one rotation', async (t) => {
  const app = await build(t)
  /** Ten tries of one token, each with its key, and the key that made the head. */
  const race = async () => {
    const { refresh_token, session_id } = await signUp(app)
    const responses = await Promise.all(
      keys.map((key) => refresh(app, refresh_token, { 'idempotency-key': key }))
    )
    t.strictSame(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
    t.equal(new Set(responses.map((response) => tokensOf(response).refresh_token)).size, 1)
    const hash = await app.stores.redis.hget(app.stores.key(session_id), 'idempotency_key_hash')
    await app.stores.age(session_id, 60_000)
    return { refresh_token, winner: keys.find((key) => digest(key) === hash) ?? 'none of them' }
  }

  t.test('the key that made the head gets it again after the overlap', async (t) => {
    const { refresh_token, winner } = await race()
    const late = await refresh(app, refresh_token, { 'idempotency-key': winner })
    t.equal(late.statusCode, 200)
    t.equal(genOf(tokensOf(late).refresh_token), 2)
  })

  t.test('another does not', async () => {
    const { refresh_token, winner } = await race()
    const loser = keys.find((key) => key !== winner) ?? ''
    const late = await refresh(app, refresh_token, { 'idempotency-key': loser })
    t.equal(codeOf(late), 'refresh_token_reused')
  })
})
