import t from 'tap'
import { build, refresh, signUp, tokensOf } from '../helper.ts'
import { refreshAtOnce } from './race.ts'

t.test('parallel refreshes of one token are one rotation and the same token for all', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  const responses = await refreshAtOnce([app], refresh_token, 50)
  t.strictSame(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
  const tokens = new Set(responses.map((response) => tokensOf(response).refresh_token))
  t.equal(tokens.size, 1)
  t.equal(await app.stores.redis.hget(app.stores.key(session_id), 'gen'), '2')

  const [token = ''] = tokens
  t.equal((await refresh(app, token)).statusCode, 200, 'which is the head')
})

t.test('so are those of a session that Redis has forgotten', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  await app.stores.redis.del(app.stores.key(session_id))
  const responses = await refreshAtOnce([app], refresh_token, 50)
  t.strictSame(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(new Set(responses.map((response) => tokensOf(response).refresh_token)).size, 1)
  t.equal(await app.stores.redis.hget(app.stores.key(session_id), 'gen'), '2')
})
