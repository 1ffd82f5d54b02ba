import t from 'tap'
import { build, codeOf, logIn, makeStores, refresh, signUp, tokensOf } from '../helper.ts'
import { after, logOutEverywhere, outcome, reportOutcomes, starts } from './race.ts'

t.test('sessions that refresh while their user logs out everywhere are over, each of them', async (t) => {
  const stores = await makeStores(t)
  const here = await build(t, {}, stores)
  const there = await build(t, {}, stores)
  const { email } = await signUp(here)
  const seen = []
  for (const [refreshing, loggingOut] of starts) {
    const sessions = await Promise.all([logIn(here, email), logIn(there, email)])
    const [{ access_token }] = sessions
    const [refreshed, loggedOut] = await Promise.all([
      after(refreshing, () => Promise.all(sessions.map(({ refresh_token }) => refresh(here, refresh_token)))),
      after(loggingOut, () => logOutEverywhere(there, access_token))
    ])
    seen.push(...refreshed)
    t.equal(loggedOut.statusCode, 204)
    t.ok(refreshed.every((response) => ['200', 'session_revoked'].includes(outcome(response))))

    const minted = refreshed.filter(({ statusCode }) => statusCode === 200).map(tokensOf)
    for (const { refresh_token } of [...sessions, ...minted]) {
      t.equal(codeOf(await refresh(here, refresh_token)), 'session_revoked')
      t.equal(codeOf(await refresh(there, refresh_token)), 'session_revoked')
    }
  }
  const { rows } = await stores.pool.query('SELECT 1 FROM sessions WHERE revoked_at IS NULL')
  t.strictSame(rows, [])
  reportOutcomes(t, seen)
})
