import t from 'tap'
import { build, codeOf, refresh, signUp, tokensOf } from '../helper.ts'

t.test('a refresh rotates the token', async (t) => {
  const app = await build(t)
  const { refresh_token } = await signUp(app)
  const second = tokensOf(await refresh(app, refresh_token))
  t.not(second.refresh_token, refresh_token)
  const third = tokensOf(await refresh(app, second.refresh_token))
  t.not(third.refresh_token, second.refresh_token)
})

t.test('50 parallel refreshes of one token make one rotation and 50 identical tokens', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  const responses = await Promise.all(Array.from({ length: 50 }, () => refresh(app, refresh_token)))
  t.same(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(new Set(responses.map((response) => tokensOf(response).refresh_token)).size, 1)
  t.equal(await app.stores.redis.hget(app.stores.key(session_id), 'gen'), '2')
})

t.test('the parent outside the overlap ends the session, head and all', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  const head = tokensOf(await refresh(app, refresh_token))
  await app.stores.age(session_id, 10_000)
  const replayed = await refresh(app, refresh_token)
  t.equal(replayed.statusCode, 401)
  t.equal(codeOf(replayed), 'refresh_token_reused')
  const dead = await refresh(app, head.refresh_token)
  t.equal(dead.statusCode, 401)
  t.equal(codeOf(dead), 'refresh_token_reused')
})
