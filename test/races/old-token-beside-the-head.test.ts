import t from 'tap'
import { build, refresh, signUp, tokensOf } from '../helper.ts'

t.test('after a rollback of Redis an old token yields nothing, also beside a new one', async (t) => {
  const app = await build(t)
  const { refresh_token, session_id } = await signUp(app)
  const key = app.stores.key(session_id)
  const before = await app.stores.redis.hgetall(key)
  const tokens = [refresh_token]
  for (let gen = 1; gen < 5; gen += 1) {
    tokens.push(tokensOf(await refresh(app, tokens.at(-1) ?? '')).refresh_token)
  }
  await app.scope.sessionJournal.flush()
  await app.stores.redis.del(key)
  await app.stores.redis.hset(key, before)
  const [old] = await Promise.all([refresh(app, tokens[0] ?? ''), refresh(app, tokens.at(-1) ?? '')])
  t.not(old.statusCode, 200)
})
