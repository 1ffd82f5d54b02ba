import t from 'tap'
import { build, makeStores, refresh, signUp, tokensOf } from '../helper.ts'
import { refreshAtOnce } from './race.ts'

t.test('two nodes that are given the same token at once answer with the same one', async (t) => {
  const stores = await makeStores(t)
  const nodes = [await build(t, {}, stores), await build(t, {}, stores)]
  const [here, there] = nodes
  if (!here || !there) throw new Error('two nodes')
  const { refresh_token, session_id } = await signUp(here)
  let token = refresh_token
  for (let gen = 2; gen < 12; gen += 1) {
    const responses = await refreshAtOnce(nodes, token, 10)
    t.strictSame(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
    const tokens = new Set(responses.map((response) => tokensOf(response).refresh_token))
    t.equal(tokens.size, 1)
    t.equal(await stores.redis.hget(stores.key(session_id), 'gen'), String(gen))
    ;[token = ''] = tokens
  }

  // What both have noted reaches the record in either order, and the newest stays.
  await Promise.all(nodes.map(({ scope }) => scope.sessionJournal.flush()))
  const { rows } = await stores.pool.query('SELECT gen FROM sessions WHERE id = $1', [session_id])
  t.strictSame(rows, [{ gen: 11 }])
  t.equal((await refresh(there, token)).statusCode, 200)
})
