import t from 'tap'
import { bearer, build, codeOf, makeStores, refresh, signUp, tokensOf } from '../helper.ts'
import { after, logOut, outcome, reportOutcomes, starts } from './race.ts'

t.test(
  'a session that is logged out while it refreshes is over, with all that was minted meanwhile',
  async (t) => {
    const stores = await makeStores(t)
    const here = await build(t, {}, stores)
    const there = await build(t, {}, stores)
    const seen = []
    for (const [refreshing, loggingOut] of starts) {
      const { refresh_token, session_id } = await signUp(here)
      const [refreshed, loggedOut] = await Promise.all([
        after(refreshing, () => refresh(here, refresh_token)),
        after(loggingOut, () => logOut(there, refresh_token))
      ])
      seen.push(refreshed)
      t.equal(loggedOut.statusCode, 204)
      t.ok(['200', 'session_revoked'].includes(outcome(refreshed)), 'first, or too late')

      const tokens = [refresh_token]
      if (refreshed.statusCode === 200) {
        const minted = tokensOf(refreshed)
        tokens.push(minted.refresh_token)
        t.equal(
          codeOf(await there.inject({ url: '/auth/me', headers: bearer(minted.access_token) })),
          'session_revoked',
          'the access token too'
        )
      }
      for (const token of tokens) {
        t.equal(codeOf(await refresh(here, token)), 'session_revoked')
        t.equal(codeOf(await refresh(there, token)), 'session_revoked')
      }
      const { rows } = await stores.pool.query('SELECT revoked_reason FROM sessions WHERE id = $1', [
        session_id
      ])
      t.strictSame(rows, [{ revoked_reason: 'logout' }])
    }
    reportOutcomes(t, seen)
  }
)
