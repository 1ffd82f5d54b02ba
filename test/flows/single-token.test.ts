// Single-token mode: an access token is traded for the next one, and is worth nothing from then on.
import t from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { decode } from '../forge.ts'
import { bearer, build, codeOf, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { until } from '../stores/until.ts'
import { buildService, get, listen } from '../verifier/service.ts'

const renew = (app: App, token: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/auth/renew', headers: { ...bearer(token), ...headers } })
const me = (app: App, token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })
const tokenOf = (response: { json<T>(): T }) => response.json<{ access_token: string }>().access_token
const jtiOf = (token: string) => decode(token).claims['jti']

/** Makes renewals older, as if the overlap had gone by. */
const age = (app: App) =>
  app.stores.pool.query("UPDATE renewed_access_tokens SET renewed_at = renewed_at - interval '11 seconds'")

t.test('the new one is good, the old one is refused', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true })
  const { access_token, session_id, user_id } = await signUp(app)
  const response = await renew(app, access_token)
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.match(response.json(), { token_type: 'Bearer', session_id, user: { id: user_id } })
  t.notOk(response.headers['set-cookie'])
  t.notMatch(response.json(), { refresh_token: String })
  const fresh = tokenOf(response)
  t.equal((await me(app, fresh)).statusCode, 200)
  const refused = await me(app, access_token)
  isProblem(t, refused, 'access_token_invalid')
  t.match(refused.json(), { detail: /exchanged/ })
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="latchkey", error="invalid_token"')
  t.equal((await renew(app, fresh)).statusCode, 200, 'and so on')
})

t.test('refused by every node, also by one that starts later or did not hear of it', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true })
  const other = await build(t, { SINGLE_TOKEN: true }, app.stores)
  const { access_token } = await signUp(app)
  t.equal((await me(other, access_token)).statusCode, 200)
  await renew(app, access_token)
  await until('the other node to hear', async () => (await me(other, access_token)).statusCode === 401)
  const late = await build(t, {}, app.stores)
  t.equal((await me(late, access_token)).statusCode, 401)

  const { access_token: unheard } = await signUp(app)
  // As a node would leave it that died before it could tell the others.
  await app.stores.pool.query(
    `INSERT INTO renewed_access_tokens (jti, sid, successor_jti, successor_iat, successor_exp)
     VALUES ($1, $1, $1, 0, 0)`,
    [jtiOf(unheard)]
  )
  await until('it to be read', async () => (await me(other, unheard)).statusCode === 401, { within: 5000 })
})

t.test('without Redis it goes on, and the old one is refused here at once', async (t) => {
  const { app, proxies } = await buildBehindProxies(t, { SINGLE_TOKEN: true })
  const { access_token } = await signUp(app)
  await proxies.redis.cut()
  const response = await renew(app, access_token)
  t.equal(response.statusCode, 200)
  t.equal((await me(app, access_token)).statusCode, 401)
  t.equal((await me(app, tokenOf(response))).statusCode, 200)
})

t.test('refused by other services, by events and by polling', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true })
  for (const revocations of ['events', 'poll'] as const) {
    const service = await buildService(t, await listen(app), { revocations })
    const { access_token } = await signUp(app)
    t.equal((await get(service, access_token)).statusCode, 200)
    const fresh = tokenOf(await renew(app, access_token))
    const refused = await until(
      'the service to hear',
      async () => {
        const response = await get(service, access_token)
        return response.statusCode === 401 && response
      },
      { within: 5000 }
    )
    t.equal(codeOf(refused), 'access_token_invalid')
    t.equal((await get(service, fresh)).statusCode, 200)
  }
})

t.test('20 at once, on two nodes, get the same successor', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true })
  const other = await build(t, { SINGLE_TOKEN: true }, app.stores)
  const { access_token } = await signUp(app)
  const responses = await Promise.all(
    Array.from({ length: 20 }, (_, number) => renew(number % 2 ? app : other, access_token))
  )
  t.same(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
  const claims = responses.map((response) => decode(tokenOf(response)).claims)
  t.equal(new Set(claims.map((one) => JSON.stringify(one))).size, 1)
  const { rows } = await app.stores.pool.query('SELECT FROM renewed_access_tokens')
  t.equal(rows.length, 1)
})

t.test('a lost answer is given again, however late with the same Idempotency-Key', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true })
  const { access_token } = await signUp(app)
  const attempt = { 'idempotency-key': 'one attempt' }
  const lost = tokenOf(await renew(app, access_token, attempt))
  t.equal(jtiOf(tokenOf(await renew(app, access_token))), jtiOf(lost), 'within the overlap')
  await age(app)
  t.equal(jtiOf(tokenOf(await renew(app, access_token, attempt))), jtiOf(lost), 'by its key')
  t.equal((await me(app, lost)).statusCode, 200)
})

t.test('a token that comes to be exchanged again later ends the session, as theft shows so', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true })
  const { access_token, session_id } = await signUp(app)
  const fresh = tokenOf(await renew(app, access_token))
  await age(app)
  isProblem(t, await renew(app, access_token), 'session_revoked')
  t.equal(codeOf(await me(app, fresh)), 'session_revoked')
  t.equal(codeOf(await renew(app, fresh)), 'session_revoked')
  await until('the event to be written', async () => {
    const { rows } = await app.stores.pool.query(
      "SELECT FROM security_events WHERE type = 'access_token_reused' AND sid = $1",
      [session_id]
    )
    return rows.length === 1
  })
})

t.test('renewing is a use of the session, up to its absolute end', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true })
  const { access_token, session_id } = await signUp(app)
  const { pool } = app.stores
  const set = (idle: string, absolute: string) =>
    pool.query(
      'UPDATE sessions SET refresh_expires_at = now() + $2::interval, expires_at = now() + $3::interval WHERE id = $1',
      [session_id, idle, absolute]
    )
  await set('1 hour', '2 hours')
  const fresh = tokenOf(await renew(app, access_token))
  const { rows } = await pool.query<{ at_the_end: boolean }>(
    'SELECT refresh_expires_at = expires_at AS at_the_end FROM sessions WHERE id = $1',
    [session_id]
  )
  t.same(rows, [{ at_the_end: true }])
  await set('1 minute', '1 minute')
  const last = await renew(app, fresh)
  t.ok(last.json<{ expires_in: number }>().expires_in <= 60, 'it does not outlive the session')
  await set('-1 second', '1 minute')
  isProblem(t, await renew(app, tokenOf(last)), 'session_revoked', 'idle for too long')
})

t.test('refused: no token, a bad one, one that has expired', async (t) => {
  const app = await build(t, { SINGLE_TOKEN: true, ACCESS_TOKEN_TTL: '1s' })
  isProblem(t, await app.inject({ method: 'POST', url: '/auth/renew' }), 'access_token_missing')
  isProblem(t, await renew(app, 'x'), 'access_token_invalid')
  const { access_token, refresh_token } = await signUp(app)
  isProblem(t, await renew(app, refresh_token), 'access_token_invalid')
  await until('it to expire', async () => (await me(app, access_token)).statusCode === 401)
  isProblem(t, await renew(app, access_token), 'access_token_invalid')
})

t.test('off by default', async (t) => {
  const app = await build(t)
  isProblem(t, await renew(app, (await signUp(app)).access_token), 'not_found')
})
