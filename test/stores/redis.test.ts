import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { leftovers } from './leftovers.ts'
import { type RedisSettings, startRedis } from './redis.ts'

async function redisFor(t: Test, settings?: RedisSettings) {
  const redis = await startRedis(settings)
  t.teardown(() => redis.close())
  return redis
}

void t.test('close leaves no process, port or folder, and can be repeated', async (t) => {
  const redis = await redisFor(t)
  t.equal(await redis.client().ping(), 'PONG')
  t.equal((await leftovers(redis)).length, 3)
  await redis.close()
  await redis.close()
  t.same(await leftovers(redis), [])
})

void t.test(
  'an append-only store keeps every acknowledged write over SIGKILL, and loses them on demand',
  async (t) => {
    const redis = await redisFor(t, { appendOnly: true })
    const first = redis.pid
    await Promise.all(Array.from({ length: 1_000 }, (_, key) => redis.client().set(`key:${key}`, key)))
    await redis.kill('SIGKILL')
    t.equal(redis.state, 'exited')
    await t.rejects(redis.client().dbsize())

    await redis.restart({ keepData: true })
    t.not(redis.pid, first)
    t.equal(await redis.client().dbsize(), 1_000)

    await redis.restart({ keepData: false })
    t.equal(await redis.client().dbsize(), 0)
  }
)

void t.test('without append-only, SAVE and a restart roll the store back to an earlier state', async (t) => {
  const redis = await redisFor(t)
  await redis.client().set('generation', 1)
  await redis.client().save()
  await redis.client().set('generation', 2)
  await redis.restart({ keepData: true })
  t.equal(await redis.client().get('generation'), '1')
})

void t.test('a paused store keeps its connections and answers nothing until it resumes', async (t) => {
  const redis = await redisFor(t)
  const client = redis.client()
  await client.ping()
  redis.pause()
  t.equal(redis.state, 'paused')
  await t.rejects(client.ping(), /timed out/)
  t.equal(client.status, 'ready')
  redis.resume()
  t.equal(await client.ping(), 'PONG')
})

void t.test('SIGTERM ends a paused store, and close a store that is already gone', async (t) => {
  const redis = await redisFor(t)
  redis.pause()
  await redis.kill('SIGTERM')
  t.equal(redis.state, 'exited')
  await redis.close()
  t.same(await leftovers(redis), [])
})

void t.test('a full store refuses writes and still reads', async (t) => {
  const redis = await redisFor(t, { maxmemory: '4mb' })
  const fill = async () => {
    for (let key = 0; key < 100; key++) await redis.client().set(`key:${key}`, Buffer.alloc(100_000))
  }
  await t.rejects(fill(), /^OOM/)
  t.equal(await redis.client().exists('key:0'), 1)
})

void t.test('further directives are passed on: a replica is read-only', async (t) => {
  const primary = await redisFor(t)
  const replica = await redisFor(t, { args: ['--replicaof', '127.0.0.1', String(primary.port)] })
  await t.rejects(replica.client().set('a', 'b'), /^READONLY/)
})

void t.test('a store that cannot start says why and leaves nothing', async (t) => {
  const failure = await startRedis({ args: ['--no-such-directive', 'x'] }).then(
    () => 'it started',
    (error: Error) => error.message
  )
  t.match(failure, 'Bad directive or wrong number of arguments')
  const port = Number(/port (\d+)/.exec(failure)?.[1])
  t.same(await leftovers({ port, folder: join(tmpdir(), `latchkey-store-${port}`) }), [])
})

void t.test('a missing server is an error, never a skipped test', async (t) => {
  const path = process.env['PATH']
  t.teardown(() => (process.env['PATH'] = path))
  process.env['PATH'] = '/nonexistent'
  await t.rejects(startRedis(), /need redis-server or valkey-server/)
})
