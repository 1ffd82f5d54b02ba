import t from 'tap'
import { build, makeStores, password, refresh, refreshNative, signUp, tokensOf } from '../helper.ts'
import { outcome, reportOutcomes } from './race.ts'

const limit = 3

t.test('exactly as many sessions as a user may have outlive many logins and refreshes at once', async (t) => {
  const stores = await makeStores(t)
  const env = { MAX_SESSIONS_PER_USER: limit, LOGIN_ATTEMPTS: 1000 }
  const here = await build(t, env, stores)
  const there = await build(t, env, stores)
  const { email, refresh_token } = await signUp(here)

  const ways = [
    { headers: {}, payload: { email, password } },
    { headers: { 'x-client': 'native' }, payload: { email, password } },
    {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ email, password }).toString()
    }
  ]
  const logIns = [here, there].flatMap((node) =>
    ways.flatMap((way) => [1, 2].map(() => node.inject({ method: 'POST', url: '/auth/login', ...way })))
  )
  const keepsRefreshing = async () => {
    const responses = []
    let token = refresh_token
    for (let count = 0; count < 25; count += 1) {
      const response = await refresh(count % 2 === 0 ? here : there, token)
      responses.push(response)
      if (response.statusCode !== 200) break
      token = tokensOf(response).refresh_token
    }
    return { responses, token }
  }
  const [loggedIn, first] = await Promise.all([Promise.all(logIns), keepsRefreshing()])

  t.ok(
    loggedIn.every(({ statusCode }) => statusCode === 200),
    'every login is let in'
  )
  t.ok(
    first.responses.every((response) => ['200', 'session_revoked'].includes(outcome(response))),
    'the session that refreshed goes on, or was ended'
  )
  reportOutcomes(t, first.responses)

  const { rows } = await stores.pool.query<{ id: string }>('SELECT id FROM sessions WHERE revoked_at IS NULL')
  t.equal(rows.length, limit)
  const after = await Promise.all([
    refresh(here, first.token),
    ...loggedIn.map((response) => {
      const send = response.json<{ refresh_token?: string }>().refresh_token ? refreshNative : refresh
      return send(there, tokensOf(response).refresh_token)
    })
  ])
  reportOutcomes(t, after)
  t.strictSame(
    new Set(after.filter(({ statusCode }) => statusCode === 200).map((one) => tokensOf(one).session_id)),
    new Set(rows.map(({ id }) => id)),
    'those of the record, and no other'
  )
  t.ok(after.every((response) => ['200', 'session_revoked'].includes(outcome(response))))
})
