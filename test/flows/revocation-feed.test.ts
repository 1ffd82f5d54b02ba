import t, { type Test } from 'tap'
import { bearer, build, codeOf, logIn, signUp } from '../helper.ts'

type App = Awaited<ReturnType<typeof build>>

const me = (app: App, token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })
const logOut = (app: App, token: string) =>
  app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(token) })

/** ms by which every node refuses the access tokens of a session that was ended, also where messages are lost. */
const deadline = 5000

/** Asks until the answer is 401, and says how long that took. */
async function refusedAt(t: Test, app: App, token: string): Promise<string> {
  const since = performance.now()
  for (;;) {
    const response = await me(app, token)
    const took = performance.now() - since
    if (response.statusCode === 401) {
      t.comment(`refused after ${took.toFixed(1)} ms`)
      return codeOf(response)
    }
    if (took > deadline) throw new Error(`still not refused after ${took.toFixed()} ms`)
  }
}

t.test('an access token of an ended session is refused by every node', async (t) => {
  const one = await build(t)
  const other = await build(t, {}, one.stores)
  const { access_token } = await signUp(one)
  t.equal((await me(other, access_token)).statusCode, 200)
  t.equal((await logOut(one, access_token)).statusCode, 204)
  t.equal(codeOf(await me(one, access_token)), 'session_revoked', 'here at once')
  t.equal(await refusedAt(t, other, access_token), 'session_revoked', 'elsewhere by the channel')
})

t.test('a node that starts later knows', async (t) => {
  const one = await build(t)
  const { access_token } = await signUp(one)
  await logOut(one, access_token)
  const late = await build(t, {}, one.stores)
  t.equal(codeOf(await me(late, access_token)), 'session_revoked')
})

t.test('a message that is lost heals from Postgres', async (t) => {
  const app = await build(t)
  const { access_token, session_id } = await signUp(app)
  // As another node would that died between Postgres and the channel.
  await app.stores.pool.query(
    "UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1",
    [session_id]
  )
  t.equal((await me(app, access_token)).statusCode, 200)
  t.equal(
    codeOf(await app.inject({ method: 'DELETE', url: '/auth/sessions', headers: bearer(access_token) })),
    'session_revoked',
    'a sensitive route asks the record itself'
  )
  t.equal(await refusedAt(t, app, access_token), 'session_revoked')
})

t.test('no message of the channel is needed where Postgres has the revocation', async (t) => {
  const app = await build(t)
  const { email, access_token } = await signUp(app)
  const other = await logIn(app, email)
  t.equal(
    (await app.inject({ method: 'POST', url: '/auth/logout/all', headers: bearer(access_token) })).statusCode,
    204
  )
  t.equal(codeOf(await me(app, other.access_token)), 'session_revoked')
})

// The first version remembered for as long as a token lives by today's setting: a restart with a shorter one
// let tokens in again that were signed under the longer one.
t.test('a shorter ACCESS_TOKEN_TTL brings no revoked session back', async (t) => {
  const one = await build(t, { ACCESS_TOKEN_TTL: '30m' })
  const { access_token, session_id } = await signUp(one)
  t.equal((await logOut(one, access_token)).statusCode, 204)
  await one.stores.pool.query(
    "UPDATE sessions SET revoked_at = now() - interval '10 minutes' WHERE id = $1",
    [session_id]
  )
  const late = await build(t, { ACCESS_TOKEN_TTL: '1m' }, one.stores)
  t.equal(codeOf(await me(late, access_token)), 'session_revoked')
})
