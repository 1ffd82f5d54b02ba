import t from 'tap'
import { build, codeOf, makeStores, refresh, signUp, tokensOf } from '../helper.ts'
import { after, logOut, refreshAtOnce, reportOutcomes } from './race.ts'

t.test('once a logout is answered, nothing that was minted before it or meanwhile refreshes', async (t) => {
  const stores = await makeStores(t)
  const env = { REFRESH_RATE: 0 }
  const nodes = [await build(t, env, stores), await build(t, env, stores)] as const
  for (const turns of [5, 20, 60, 120]) {
    const { refresh_token, session_id } = await signUp(nodes[0])
    const key = stores.key(session_id)
    const minted = new Set([refresh_token])
    let loggedOut = false

    const keepsRefreshing = async () => {
      let responses = []
      do {
        responses = await refreshAtOnce([...nodes], [...minted].at(-1) ?? '', 4)
        for (const response of responses) {
          if (response.statusCode === 200) minted.add(tokensOf(response).refresh_token)
        }
      } while (!loggedOut && responses.every(({ statusCode }) => statusCode === 200))
      return responses
    }
    const leaves = async () => {
      const entry = await stores.redis.hgetall(key)
      const response = await logOut(nodes[1], refresh_token)
      loggedOut = true
      return { response, entry }
    }
    const [last, { response, entry }] = await Promise.all([keepsRefreshing(), after(turns, leaves)])
    t.equal(response.statusCode, 204)
    t.comment(`${String(minted.size)} tokens; the last were answered:`)
    reportOutcomes(t, last)

    // Also where Redis fails over to a replica that has not heard of the logout.
    for (const forgetful of [false, true]) {
      for (const token of minted) {
        if (forgetful) await stores.redis.hset(key, entry)
        for (const node of nodes) t.equal(codeOf(await refresh(node, token)), 'session_revoked')
      }
    }
  }
})
