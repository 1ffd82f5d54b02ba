// Signing keys change while many people use several nodes, each of which learns of it at a time of its own.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { bearer, build, makeStores, refresh, signUp, tokensOf } from '../helper.ts'
import { agedBy, kidOf, lead } from '../signing-keys.ts'

const people = 8
const rotations = 4

t.test('no request fails', async (t) => {
  const stores = await makeStores(t)
  const env = { REFRESH_RATE: '0' }
  const first = await build(t, env, stores)
  const nodes = [first, await build(t, env, stores), await build(t, env, stores)]
  const at = (index: number) => nodes[index % nodes.length] ?? first

  const failures: string[] = []
  const kids = new Set<string>()
  let requests = 0
  let done = false
  const use = async (index: number) => {
    let { access_token, refresh_token } = await signUp(at(index))
    while (!done) {
      // Given out by one node, used at the two others and at itself.
      const refreshed = await refresh(at(requests), refresh_token)
      if (refreshed.statusCode === 200) ({ access_token, refresh_token } = tokensOf(refreshed))
      else failures.push(`refresh: ${refreshed.body}`)
      kids.add(kidOf(access_token))
      for (const node of nodes) {
        const { statusCode, body } = await node.inject({ url: '/auth/me', headers: bearer(access_token) })
        if (statusCode !== 200) failures.push(`me: ${body}`)
      }
      requests += 1 + nodes.length
    }
  }
  const users = Array.from({ length: people }, (_, index) => use(index))

  const served = async (more: number) => {
    const until = requests + more
    while (requests < until) await setImmediate()
  }
  for (let rotation = 0; rotation < rotations; rotation += 1) {
    await served(100)
    await at(rotation).scope.signingKeyRecords.rotate()
    await served(100)
    await agedBy(stores, lead)
    // One after the other, while their own timers are at it as well.
    for (const { scope } of nodes) {
      await scope.signingKeys.reload()
      await served(50)
    }
  }
  // Once without notice: a key that the other nodes have not heard of signs at once.
  await first.scope.signingKeyRecords.rotate()
  await agedBy(stores, lead)
  await first.scope.signingKeys.reload()
  await served(100)
  done = true
  await Promise.all(users)

  t.same(failures, [])
  t.equal(kids.size, rotations + 2, 'every key has signed')
  t.comment(`${String(requests)} requests`)
})
