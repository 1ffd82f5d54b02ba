import t from 'tap'
import { build, makeStores, refresh, signUp, tokensOf } from '../helper.ts'
import { after, genOf, headStarts, refreshAtOnce } from './race.ts'

for (const journaled of [false, true]) {
  const what = journaled ? 'and its record knows of the rotation' : 'before its record knows of the rotation'
  t.test(`nobody is logged out when Redis forgets a session while it refreshes, ${what}`, async (t) => {
    const stores = await makeStores(t)
    const nodes = [await build(t, {}, stores), await build(t, {}, stores)]
    for (const turns of headStarts) {
      const [node] = nodes
      if (!node) throw new Error('there is no node')
      const { refresh_token, session_id } = await signUp(node)
      const forget = async () => {
        if (journaled) await Promise.all(nodes.map(({ scope }) => scope.sessionJournal.flush()))
        await stores.redis.del(stores.key(session_id))
      }
      const [responses] = await Promise.all([
        refreshAtOnce(nodes, refresh_token, 10),
        after(turns, forget),
        after(turns * 2, forget)
      ])
      t.strictSame(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
      const tokens = responses.map((response) => tokensOf(response).refresh_token)
      t.strictSame(new Set(tokens.map(genOf)), new Set([2]), 'nobody got ahead of the others')
      for (const token of new Set(tokens)) {
        t.equal((await refresh(node, token)).statusCode, 200, 'whichever answer came last')
      }
    }
  })
}
