import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { decode, signEs256 } from '../forge.ts'
import { bearer, build, codeOf, refresh, signUp, tokensOf, type App } from '../helper.ts'
import { agedBy, kidOf, lead, publishedBy } from '../signing-keys.ts'
import { until } from '../stores/until.ts'

const me = (app: App, token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })

/** A token like this one, under a key that nobody has. */
function foreign(token: string): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { header, claims } = decode(token)
  const kid = (publicKey.export({ format: 'jwk' }).x ?? '').slice(0, 43)
  return signEs256({ ...header, kid }, claims, privateKey.export({ format: 'jwk' }))
}

t.test('a revoked key is refused on every node, and nobody is logged out', async (t) => {
  const one = await build(t)
  const other = await build(t, {}, one.stores)
  const session = await signUp(one)
  const stolen = kidOf(session.access_token)
  t.equal((await me(other, session.access_token)).statusCode, 200, 'its signature is remembered there')

  t.same(await one.scope.signingKeyRecords.revoke([stolen]), [stolen])
  await one.scope.signingKeys.reload()
  t.equal(codeOf(await me(one, session.access_token)), 'access_token_invalid')
  const [successor, ...more] = await publishedBy(one)
  t.same(more, [])
  t.not(successor, stolen)

  const refreshed = tokensOf(await refresh(one, session.refresh_token))
  t.equal(kidOf(refreshed.access_token), successor, 'another one signs at once')
  await until('the other node to hear of it', async () => {
    return codeOf(await me(other, session.access_token)) === 'access_token_invalid'
  })
  t.same(await publishedBy(other), [successor])
  t.equal((await me(other, refreshed.access_token)).statusCode, 200)

  const { rows } = await one.stores.pool.query(
    'SELECT encrypted_private_jwk FROM signing_keys WHERE kid = $1',
    [stolen]
  )
  t.same(rows, [{ encrypted_private_jwk: null }])
  t.same(await one.scope.signingKeyRecords.revoke([stolen, 'unknown']), [], 'a second time it is nothing')
})

t.test('a node takes tokens of a key that it has not heard of', async (t) => {
  const one = await build(t)
  const other = await build(t, {}, one.stores)
  const session = await signUp(one)
  for (let round = 0; round < 3; round += 1) {
    await one.scope.signingKeyRecords.revoke([one.scope.signingKeys.current.kid])
    await one.scope.signingKeys.reload()
    const { access_token, refresh_token } = tokensOf(await refresh(one, session.refresh_token))
    session.refresh_token = refresh_token
    const answers = await Promise.all([other, one, other].map((node) => me(node, access_token)))
    t.same(
      answers.map(({ statusCode }) => statusCode),
      [200, 200, 200]
    )
  }
})

t.test('the published key takes over where the one that signs is revoked', async (t) => {
  const { scope, ...app } = await build(t)
  const old = scope.signingKeys.current.kid
  const { key } = await scope.signingKeyRecords.rotate()
  await scope.signingKeyRecords.revoke([old])
  await scope.signingKeys.reload()
  t.equal(scope.signingKeys.current.kid, key.kid)
  t.equal((await app.stores.pool.query('SELECT FROM signing_keys')).rowCount, 2)
})

t.test('the key that signs goes on where the published one is revoked', async (t) => {
  const app = await build(t)
  const { signingKeys, signingKeyRecords } = app.scope
  const old = signingKeys.current.kid
  const { key } = await signingKeyRecords.rotate()
  await signingKeyRecords.revoke([key.kid])
  await agedBy(app.stores, lead)
  await signingKeys.reload()
  t.equal(signingKeys.current.kid, old)
  t.same(await publishedBy(app), [old])
  const [, { state, retires_at } = {}] = await signingKeyRecords.list()
  t.same([state, retires_at], ['active', null])
})

t.test('tokens of unknown keys cost five look-ups a second, however many they are', async (t) => {
  const app = await build(t)
  const { access_token } = await signUp(app)
  let lookUps = 0
  app.scope.pg.pool.on('acquire', () => (lookUps += 1))
  const start = performance.now()
  const forgeries = Array.from({ length: 200 }, () => foreign(access_token))
  for (let burst = 0; burst < 5; burst += 1) {
    const codes = await Promise.all(forgeries.map(async (token) => codeOf(await me(app, token))))
    t.same(new Set(codes), new Set(['access_token_invalid']))
  }
  // The revocation feed and the keys are read every two seconds besides.
  const seconds = (performance.now() - start) / 1000
  t.ok(
    lookUps <= Math.ceil(seconds * 5) + Math.ceil(seconds) * 2 + 2,
    `${String(lookUps)} in ${String(seconds)} s`
  )
})

t.test('whether an unknown key is a new one can not be said while Postgres is away', async (t) => {
  const { app, proxies } = await buildBehindProxies(t)
  const { access_token } = await signUp(app)
  await proxies.postgres.cut()
  const response = await me(app, foreign(access_token))
  t.equal(codeOf(response), 'temporarily_unavailable')
  t.equal(response.headers['retry-after'], '1')
  const logout = await app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: bearer(foreign(access_token))
  })
  t.equal(codeOf(logout), 'temporarily_unavailable', 'and nobody is told to be out who may not be')
})
