// Two tabs refresh at once, without an Idempotency-Key. One is answered; the other is told 503, since Postgres went
// away between the two. It keeps its token, as told, and comes back later than the overlap: it is no thief.
import t from 'tap'
import { build, codeOf, refresh, signUp, tokensOf } from '../helper.ts'
import { genOf } from './race.ts'

t.test('who was told 503 by a replay gets the head, however late', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  t.equal((await refresh(app, refresh_token)).statusCode, 200)

  await app.stores.pool.query('ALTER TABLE sessions RENAME TO sessions_away')
  const away = await refresh(app, refresh_token)
  t.not(away.statusCode, 200)
  await app.stores.pool.query('ALTER TABLE sessions_away RENAME TO sessions')
  await app.scope.redisFollowUp.flush()
  await app.stores.age(session_id, 60_000)

  const late = await refresh(app, refresh_token)
  t.equal(late.statusCode, 200)
  t.equal(genOf(tokensOf(late).refresh_token), 2)

  await app.scope.redisFollowUp.flush()
  const head = tokensOf(late).refresh_token
  t.equal((await refresh(app, head)).statusCode, 200)
  t.equal(codeOf(await refresh(app, refresh_token)), 'refresh_token_reused', 'the next rotation ends that')
})

t.test('once every answer has left, the parent is good within the overlap only', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  const tabs = await Promise.all(Array.from({ length: 6 }, () => refresh(app, refresh_token)))
  t.strictSame(new Set(tabs.map(({ statusCode }) => statusCode)), new Set([200]))
  await app.scope.redisFollowUp.flush()
  t.equal(await app.stores.redis.hget(app.stores.key(session_id), 'unanswered'), null)
  await app.stores.age(session_id, 60_000)
  t.equal(codeOf(await refresh(app, refresh_token)), 'refresh_token_reused')
})
