import t from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { bearer, build, codeOf, makeStores, signUp, type App } from '../helper.ts'
import { agedBy, days, kidOf, lead, publishedBy, retention } from '../signing-keys.ts'
import { until } from '../stores/until.ts'

const me = (app: App, token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })

t.test('a key is published before it signs, and kept until its last token has expired', async (t) => {
  const app = await build(t)
  const { stores, scope } = app
  const before = await signUp(app)
  const old = kidOf(before.access_token)
  t.same(await publishedBy(app), [old])

  const { key, rotated } = await scope.signingKeyRecords.rotate()
  await scope.signingKeys.reload()
  t.ok(rotated)
  t.same(await publishedBy(app), [key.kid, old], 'out at once')
  t.equal(kidOf((await signUp(app)).access_token), old, 'but it does not sign')

  await agedBy(stores, lead - 20)
  await scope.signingKeys.reload()
  t.equal(kidOf((await signUp(app)).access_token), old, 'not while a cached set may be without it')

  await agedBy(stores, 20)
  await scope.signingKeys.reload()
  const after = await signUp(app)
  t.equal(kidOf(after.access_token), key.kid)
  t.equal((await me(app, before.access_token)).statusCode, 200, 'tokens of the old one are good')
  t.same(await publishedBy(app), [key.kid, old])

  await agedBy(stores, retention - 20)
  await scope.signingKeys.reload()
  t.equal((await me(app, before.access_token)).statusCode, 200, 'to the last')
  t.equal(await scope.signingKeyRecords.erase(), 0)

  await agedBy(stores, 20)
  await scope.signingKeys.reload()
  t.equal(codeOf(await me(app, before.access_token)), 'access_token_invalid', 'also where it was remembered')
  t.equal((await me(app, after.access_token)).statusCode, 200)
  t.same(await publishedBy(app), [key.kid])

  await scope.housekeeping.run()
  const { rows } = await stores.pool.query(
    'SELECT kid, encrypted_private_jwk IS NULL AS erased FROM signing_keys ORDER BY activates_at'
  )
  t.strictSame(
    rows,
    [
      { kid: old, erased: true },
      { kid: key.kid, erased: false }
    ],
    'the row stays, the private half goes'
  )
  t.same(
    (await scope.signingKeyRecords.list()).map(({ state }) => state),
    ['active', 'over']
  )
})

t.test('on schedule, once, however many nodes there are', async (t) => {
  const stores = await makeStores(t)
  const nodes = await Promise.all(Array.from({ length: 10 }, () => build(t, {}, stores)))
  const count = async () => (await stores.pool.query('SELECT FROM signing_keys')).rowCount
  const reloadAll = () => Promise.all(nodes.map(({ scope }) => scope.signingKeys.reload()))

  await agedBy(stores, days(30) - lead - 60)
  await reloadAll()
  t.equal(await count(), 1, 'not before its time')
  await agedBy(stores, 60)
  await reloadAll()
  t.equal(await count(), 2)
  await reloadAll()
  await agedBy(stores, lead)
  await reloadAll()
  t.equal(await count(), 2, 'the next one has its own 30 days')

  const kids = await Promise.all(nodes.map(async (node) => kidOf((await signUp(node)).access_token)))
  t.equal(new Set(kids).size, 1)
  const { rows } = await stores.pool.query<{ kid: string }>(
    'SELECT kid FROM signing_keys WHERE retires_at IS NULL'
  )
  t.same(rows, [{ kid: kids[0] }], 'all sign with the new one')
})

t.test('never by itself where the setting says so', async (t) => {
  const app = await build(t, { SIGNING_KEY_ROTATION: '0' })
  await agedBy(app.stores, days(1000))
  await app.scope.signingKeys.reload()
  t.equal((await publishedBy(app)).length, 1)
})

t.test('a second wish changes nothing while the next key is published', async (t) => {
  const app = await build(t)
  const [one, other] = await Promise.all([
    app.scope.signingKeyRecords.rotate(),
    app.scope.signingKeyRecords.rotate()
  ])
  t.same([one.rotated, other.rotated].sort(), [false, true])
  t.equal(one.key.kid, other.key.kid)
})

t.test('a node that can not reach Postgres changes the key with all others', async (t) => {
  const { app, proxies } = await buildBehindProxies(t)
  const { signingKeys, signingKeyRecords } = app.scope
  const old = signingKeys.current.kid
  const { key } = await signingKeyRecords.rotate()
  await agedBy(app.stores, lead - 3)
  await signingKeys.reload()
  await proxies.postgres.cut()
  t.equal(signingKeys.current.kid, old)
  await until('the next key to sign', async () => signingKeys.current.kid === key.kid)
})

t.test('whatever the table says, a key signs after a start', async (t) => {
  const app = await build(t)
  await app.stores.pool.query("UPDATE signing_keys SET activates_at = now() + interval '1 hour'")
  const later = await build(t, {}, app.stores)
  t.equal((await me(app, (await signUp(later)).access_token)).statusCode, 200)
})
