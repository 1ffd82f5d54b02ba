import { compactDecrypt, decodeProtectedHeader } from 'jose'
import { hkdfSync } from 'node:crypto'
import { readdirSync } from 'node:fs'
import t from 'tap'
import { bearer, build, makeStores, secretKey, signUp, type Stores } from './helper.ts'

const migrations = readdirSync(new URL('../migrations', import.meta.url)).filter((name) =>
  name.endsWith('.sql')
)

/** What a start may change: migrations that were run, tables and indexes, keys. */
async function stateOf({ pool }: Stores) {
  const rows = async (sql: string) => (await pool.query<Record<string, unknown>>(sql)).rows
  return {
    migrations: await rows('SELECT * FROM latchkey_migrations ORDER BY id'),
    relations: await rows(
      "SELECT oid, relname, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY oid"
    ),
    keys: await rows('SELECT * FROM signing_keys')
  }
}

t.test('ten instances that start at once migrate once and make one signing key', async (t) => {
  const stores = await makeStores(t)
  const apps = await Promise.all(Array.from({ length: 10 }, () => build(t, {}, stores)))
  const { migrations: run, keys } = await stateOf(stores)
  t.same(
    run.map(({ name }) => `${String(name)}.sql`),
    migrations
  )
  t.equal(keys.length, 1)

  const [first] = apps
  if (!first) throw new Error('there is none')
  const { access_token } = await signUp(first)
  for (const app of apps)
    t.equal((await app.inject({ url: '/auth/me', headers: bearer(access_token) })).statusCode, 200)
})

t.test('a second start changes nothing', async (t) => {
  const stores = await makeStores(t)
  await (await build(t, {}, stores)).close()
  const before = await stateOf(stores)
  await build(t, {}, stores)
  t.same(await stateOf(stores), before)
})

t.test('another SECRET_KEY is refused on this database, in words that help', async (t) => {
  const stores = await makeStores(t)
  await (await build(t, {}, stores)).close()
  const before = await stateOf(stores)
  await t.rejects(build(t, { SECRET_KEY: `another ${secretKey}` }, stores), {
    message: /can't be read with this SECRET_KEY.*Start with the SECRET_KEY that this database was made with/
  })
  t.same(await stateOf(stores), before)
})

t.test('the private key can be read with SECRET_KEY only', async (t) => {
  const stores = await makeStores(t)
  await build(t, {}, stores)
  const { rows } = await stores.pool.query<{ row: string; jwe: string }>(
    'SELECT to_jsonb(signing_keys)::text AS row, encrypted_private_jwk AS jwe FROM signing_keys'
  )
  const [{ row, jwe } = { row: '', jwe: '' }] = rows
  t.same(Object.keys(decodeProtectedHeader(jwe)).sort(), ['alg', 'enc', 'kid'])

  const decrypt = async (secret: string) => {
    const key = hkdfSync('sha256', secret, 'latchkey', 'signing key encryption', 32)
    const { plaintext } = await compactDecrypt(jwe, new Uint8Array(key))
    return JSON.parse(Buffer.from(plaintext).toString()) as { d: string }
  }
  const { d } = await decrypt(secretKey)
  t.match(d, /^[\w-]{43}$/, 'the private half of a P-256 key')
  t.notOk(row.includes(d))
  await t.rejects(decrypt(`another ${secretKey}`), { code: 'ERR_JWE_DECRYPTION_FAILED' })
})
