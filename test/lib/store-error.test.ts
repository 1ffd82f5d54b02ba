import { Redis } from 'ioredis'
import pg from 'pg'
import t from 'tap'
import { ask, StoreUnavailable } from '../../lib/store-error.ts'
import { startRedis } from '../stores/redis.ts'

// The errors that the stores and their clients really raise.

const databaseUrl = String(process.env['DATABASE_URL'])
/** Nothing listens there. */
const closedPort = 1

t.test('Postgres that does not answer is unavailable', async (t) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, statement_timeout: 10 })
  pool.on('error', () => undefined)
  const elsewhere = new pg.Pool({ host: '127.0.0.1', port: closedPort })
  const impatient = new pg.Pool({ connectionString: databaseUrl, query_timeout: 10 })
  const queries = {
    'nobody listens': () => elsewhere.query('SELECT 1'),
    'a statement that takes too long': () => pool.query('SELECT pg_sleep(5)'),
    'an answer that takes too long': () => impatient.query('SELECT pg_sleep(1)'),
    'a connection that is ended': () => pool.query('SELECT pg_terminate_backend(pg_backend_pid())'),
    'a pool that is closed': async () => {
      await elsewhere.end()
      return elsewhere.query('SELECT 1')
    }
  }
  for (const [what, query] of Object.entries(queries)) {
    await t.rejects(ask('postgres', query()), { name: 'StoreUnavailable', store: 'postgres' }, what)
  }
  await Promise.all([pool.end(), impatient.end()])
})

t.test('what we ask Postgres wrongly is a fault of ours', async (t) => {
  const pool = new pg.Pool({ connectionString: databaseUrl })
  for (const sql of ['SELEC', 'SELECT * FROM nowhere', "SELECT 'x'::int", 'SELECT 1/0']) {
    const error: unknown = await ask('postgres', pool.query(sql)).catch((error: unknown) => error)
    t.ok(error instanceof Error && !(error instanceof StoreUnavailable), sql)
  }
  await pool.end()
})

t.test('Redis that does not answer, or not now, is unavailable', async (t) => {
  const handle = await startRedis({ maxmemory: '2mb' })
  t.teardown(() => handle.close())
  const options = {
    lazyConnect: true,
    enableOfflineQueue: false,
    commandTimeout: 500,
    retryStrategy: () => null
  }
  const redis = new Redis(handle.url, options)
  const elsewhere = new Redis(closedPort, '127.0.0.1', options)
  for (const client of [redis, elsewhere]) client.on('error', () => undefined)
  await redis.connect()

  const fill = async () => {
    for (let index = 0; index < 100; index++) await redis.set(`key:${String(index)}`, 'x'.repeat(100_000))
  }
  const refusals: Record<string, () => Promise<unknown>> = {
    'nobody listens': () => elsewhere.connect(),
    'not connected': () => elsewhere.get('x'),
    'no memory left': fill,
    'a replica': async () => {
      await handle.client().replicaof('127.0.0.1', closedPort)
      return redis.set('x', 'x')
    },
    paused: () => {
      handle.pause()
      return redis.get('x')
    }
  }
  for (const [what, command] of Object.entries(refusals)) {
    await t.rejects(ask('redis', command()), { name: 'StoreUnavailable', store: 'redis' }, what)
  }
  handle.resume()
  redis.disconnect()
})

t.test('what we ask Redis wrongly is a fault of ours', async (t) => {
  const handle = await startRedis()
  t.teardown(() => handle.close())
  const redis = handle.client()
  await redis.set('text', 'x')
  for (const command of [
    () => redis.hget('text', 'x'),
    () => redis.eval('return nil + 1', 0),
    () => redis.call('NOPE')
  ]) {
    const error: unknown = await ask('redis', command()).catch((error: unknown) => error)
    t.ok(error instanceof Error && !(error instanceof StoreUnavailable), String(error))
  }
})

t.test('a deadline', async (t) => {
  const never = new Promise<never>(() => undefined)
  await t.rejects(ask('redis', never, 1), { name: 'StoreUnavailable', store: 'redis' })
  t.equal(await ask('redis', Promise.resolve('x'), 10_000), 'x')
})
