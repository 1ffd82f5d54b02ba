// What bench/scale.ts fills in is what the server takes for live sessions, and its clients notice what is wrong.
import t, { type Test } from 'tap'
import { entrySizes, postgresFootprint, redisFootprint, workSoFar } from '../../bench/footprint.ts'
import { load } from '../../bench/measure.ts'
import { makeClients } from '../../bench/spread-refreshes.ts'
import {
  fillIn,
  idempotencyKeyOf,
  openNode,
  refreshTokenOf,
  sessionAt
} from '../../bench/synthetic-sessions.ts'
import { unexpected } from '../../bench/figures.ts'
import { build, redisInMemory, refresh } from '../helper.ts'

const sessions = 200
const skip = redisInMemory && 'needs a Redis that processes share, and that counts its memory'

async function begin(t: Test) {
  const app = await build(t, { REFRESH_RATE: 0 })
  await fillIn(app.scope, 0, sessions)
  return app
}

t.test('a synthetic session refreshes, and then is refused its old token', async (t) => {
  const app = await begin(t)
  for (const index of [0, sessions - 1]) {
    const session = sessionAt(index)
    const device = { 'x-device-id': session.device_id }
    const attempt = { ...device, 'idempotency-key': idempotencyKeyOf(session, 2) }
    const first = await refresh(app, refreshTokenOf(app.scope, session, 2), attempt)
    t.equal(first.statusCode, 200)
    t.match(first.json(), { verdict: 'rotated', session_id: session.sid, user: { id: session.user_id } })
    const second = await refresh(app, refreshTokenOf(app.scope, session, 2), attempt)
    t.match(second.json(), { verdict: 'replayed' })
    const old = await refresh(app, refreshTokenOf(app.scope, session, 1), device)
    t.match(old.json(), { code: 'refresh_token_reused' })
  }
})

t.test('Redis and Postgres agree on each', async (t) => {
  const { stores, scope } = await begin(t)
  const { rows } = await stores.pool.query<{
    id: string
    user_id: string
    gen: number
    refresh_expires_at: Date
  }>('SELECT id, user_id, gen, refresh_expires_at FROM sessions ORDER BY id')
  t.same(
    rows.map(({ id, user_id }) => ({ sid: id, user_id })),
    Array.from({ length: sessions }, (_, index) => {
      const { sid, user_id } = sessionAt(index)
      return { sid, user_id }
    })
  )
  for (const { id, gen, refresh_expires_at } of rows) {
    const entry = [
      await stores.redis.hget(stores.key(id), 'gen'),
      String(await stores.redis.pexpiretime(stores.key(id)))
    ]
    t.same(entry, [String(gen), String(refresh_expires_at.getTime())])
    t.equal(await scope.sessionWhitelist.head(id), 2)
  }
})

t.test('its clients refresh all over the sessions', async (t) => {
  const app = await begin(t)
  const server = { url: await app.listen({ host: '127.0.0.1', port: 0 }), pid: process.pid }
  const clients = makeClients(app.scope)
  // Twice: the second goes on where the first was cut off.
  for (let round = 1; round <= 2; round++) {
    const figures = await load(server, { connections: 4, duration: 1 }, () => clients.requests(sessions))
    clients.settle()
    t.same(unexpected(figures, [200]), [])
    t.same(await clients.findFaults(), [])
  }
  await app.scope.sessionJournal.flush()
  const { rows } = await app.stores.pool.query<{ id: string }>('SELECT id FROM sessions WHERE gen > 2')
  t.ok(rows.length > 4, 'of more sessions than there are connections')

  // All of them: those whose last answer was cut off are not looked at.
  for (const { id } of rows) await app.stores.redis.hincrby(app.stores.key(id), 'gen', 1)
  t.match(await clients.findFaults(), [/^\d+ sessions have another head than their client$/])
})

t.test('a node on the stores of a server signs the tokens that it takes', { skip }, async (t) => {
  const app = await begin(t)
  const { DATABASE_URL, REDIS_URL, REDIS_PREFIX, SECRET_KEY } = app.stores.env
  const node = await openNode({ DATABASE_URL, REDIS_URL, REDIS_PREFIX, SECRET_KEY })
  t.teardown(node.close)
  const answer = await refresh(app, refreshTokenOf(node.scope, sessionAt(1), 2))
  t.equal(answer.statusCode, 200)
})

t.test('what they take', { skip }, async (t) => {
  const { scope } = await begin(t)
  const { entry_bytes, encodings } = await redisFootprint(scope, sessions, 0)
  t.same(encodings, { listpack: sessions }, 'no value is too long for the small layout')
  t.ok(entry_bytes > 200 && entry_bytes < 600)
  const { bytes_per_session, table_bytes_per_session, bytes_per_user } = await postgresFootprint(
    scope,
    sessions
  )
  t.ok(bytes_per_session > table_bytes_per_session && table_bytes_per_session > 200 && bytes_per_user > 100)

  const before = await workSoFar(scope)
  const { signed_in, refreshed, replayed_to_another_tab } = await entrySizes(scope)
  t.ok(signed_in.bytes < refreshed.bytes && refreshed.bytes < replayed_to_another_tab.bytes)
  t.equal(await scope.sessionWhitelist.head(sessionAt(-1).sid), 0, 'it is gone')
  await fillIn(scope, sessions, sessions + 10)
  const after = await workSoFar(scope)
  t.ok(after.wal_bytes > before.wal_bytes && after.redis_cpu_us > before.redis_cpu_us)
})
