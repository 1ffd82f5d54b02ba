import t from 'tap'
import { administer, signUpAdministrator } from '../administrator.ts'
import { build, makeStores } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { after, outcome, reportOutcomes, starts } from './race.ts'

type Administer = ReturnType<typeof administer>

const ways: Record<string, (admin: Administer, id: string) => ReturnType<Administer['patch']>> = {
  demote: (admin, id) => admin.patch(`/users/${id}`, { role: 'user' }),
  ban: (admin, id) => admin.patch(`/users/${id}`, { disabled: {} }),
  delete: (admin, id) => admin.remove(`/users/${id}`)
}

t.test('two administrators against each other, on two nodes: one stays', async (t) => {
  const stores = await makeStores(t)
  const [here, there] = [await build(t, {}, stores), await build(t, {}, stores)]
  const responses = []
  for (const [name, act] of Object.entries(ways)) {
    for (const [turns, otherTurns] of starts.filter((_, index) => index % 3 === 0)) {
      const [one, two] = [await signUpAdministrator(here), await signUpAdministrator(there)]
      const both = await Promise.all([
        after(turns, async () => act(administer(here, one.access_token), two.user_id)),
        after(otherTurns, async () => act(administer(there, two.access_token), one.user_id))
      ])
      responses.push(...both)
      const { rows } = await stores.pool.query<{ id: string }>(
        "SELECT id FROM users WHERE role = 'admin' AND disabled_at IS NULL"
      )
      t.equal(rows.length, 1, `${name}: one of the two is left`)
      t.equal(both.filter(({ statusCode }) => statusCode < 300).length, 1, `${name}: who was first`)
      t.match(
        both.map(outcome).find((what) => !what.startsWith('2')),
        /^(insufficient_role|session_revoked)$/
      )
      await stores.pool.query("UPDATE users SET role = 'user'")
    }
  }
  reportOutcomes(t, responses)
})

t.test('the last administrator can not delete the own account either', async (t) => {
  const app = await build(t)
  const { user_id } = await signUpAdministrator(app)
  const by = { ip: null, user_agent: null }
  const remove = (id: string) => app.scope.accounts.remove(id, by)
  await t.rejects(remove(user_id), { code: 'last_administrator' })
  const second = await signUpAdministrator(app)
  await remove(second.user_id)
  await t.rejects(remove(user_id), { code: 'last_administrator' })
  await signUpAdministrator(app)
  await remove(user_id)
  isProblem(t, await administer(app, second.access_token).get('/users'), 'session_revoked')
})
