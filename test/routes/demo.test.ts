// The theft that the demo page shows is a real one: the refresh route finds it out by itself.
import t from 'tap'
import { bearer, build, refresh, refreshCookie, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'
import type { Theft } from '../../schemas/demo.ts'

const steal = (app: App, headers: Record<string, string>) =>
  app.inject({ method: 'POST', url: '/demo/theft', headers })

t.test('the stolen token is refused, and the session is over for both', async (t) => {
  const app = await build(t, { DEMO: 'true' })
  const { refresh_token, access_token, session_id } = await signUp(app)
  const response = await steal(app, { cookie: `${refreshCookie}=${refresh_token}` })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  const { steps, events } = response.json<Theft>()
  t.strictSame(steps, [
    { by: 'browser', generation: 1, status: 200, outcome: 'rotated' },
    { by: 'browser', generation: 2, status: 200, outcome: 'rotated' },
    { by: 'thief', generation: 1, status: 401, outcome: 'refresh_token_reused' }
  ])
  const thief = { ip: '203.0.113.66', user_agent: 'a stolen copy' }
  t.match(events, [
    { type: 'refresh_token_reused', ...thief },
    { type: 'session_revoked', reason: 'reused', ...thief }
  ])

  // The browser has the newest token, and is out nevertheless.
  const newest = response.cookies.filter(({ name }) => name === refreshCookie).map(({ value }) => value)
  t.equal(newest.length, 1)
  t.notMatch(response.body, newest[0]?.split('.')[2] ?? '', 'no token is in the answer')
  isProblem(t, await refresh(app, newest[0] ?? ''), 'refresh_token_reused')
  const me = await app.inject({ url: '/auth/me', headers: bearer(access_token) })
  isProblem(t, me, 'session_revoked')
  const { rows } = await app.stores.pool.query('SELECT revoked_reason FROM sessions WHERE id = $1', [
    session_id
  ])
  t.same(rows, [{ revoked_reason: 'reused' }])
})

t.test('who is not in may not show it', async (t) => {
  const app = await build(t, { DEMO: 'true' })
  const { refresh_token } = await signUp(app)
  const cookie = `${refreshCookie}=${refresh_token}`
  isProblem(t, await steal(app, {}), 'refresh_token_missing')
  isProblem(t, await steal(app, { cookie: `${refreshCookie}=x` }), 'refresh_token_invalid')
  isProblem(t, await steal(app, bearer(refresh_token)), 'wrong_transport')
  isProblem(t, await steal(app, { cookie, 'sec-fetch-site': 'cross-site' }), 'cross_site_request')
  t.equal((await refresh(app, refresh_token)).statusCode, 200, 'nothing was changed')
})

t.test('a refusal on the way is shown as it is', async (t) => {
  const app = await build(t, { DEMO: 'true', REFRESH_RATE: 1 })
  const { refresh_token } = await signUp(app)
  const response = await steal(app, { cookie: `${refreshCookie}=${refresh_token}` })
  t.match(response.json<Theft>(), {
    steps: [{ status: 200 }, { status: 429, outcome: 'too_many_refreshes' }]
  })
  t.equal(response.json<Theft>().steps.length, 2)
  const [newest] = response.cookies
  t.equal(newest?.name, refreshCookie, 'the browser keeps its session')
})
