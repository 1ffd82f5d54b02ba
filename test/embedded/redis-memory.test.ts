import fastifyRedis from '@fastify/redis'
import Fastify from 'fastify'
import { once } from 'node:events'
import { Redis, type Result } from 'ioredis'
import t from 'tap'
import { startEmbeddedStores } from '../../embedded/index.ts'
import { createMemoryRedis } from '../../embedded/redis-memory.ts'
import { findRedisServer } from '../../embedded/redis.ts'
import { temporaryFolder } from './support.ts'

declare module 'ioredis' {
  interface RedisCommander<Context> {
    probe(key: string, ...args: (string | number)[]): Result<unknown, Context>
  }
}

const options = { postgres: false, redis: true } as const

/** Scripts that answer the same wherever they run; KEYS[1] holds a hash { text: 'a', number: '7', empty: '' }. */
const scripts: Record<string, string> = {
  'an absent field is false': `
    local entry = redis.call('HMGET', KEYS[1], 'text', 'absent', 'number')
    return { tostring(entry[2]), entry[3], #entry, entry[2] == false and 'false' or 'other' }`,
  'an absent key is false': "return tostring(redis.call('HGET', 'nowhere', 'nothing'))",
  'an empty field is empty': "return '[' .. redis.call('HGET', KEYS[1], 'empty') .. ']'",
  'a time in ms does not overflow': `
    local time = redis.call('TIME')
    local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
    redis.call('HSET', KEYS[1], 'at', now)
    redis.call('PEXPIREAT', KEYS[1], now + 60000)
    local left = redis.call('PTTL', KEYS[1])
    redis.call('PERSIST', KEYS[1])
    return { left > 59000 and left <= 60000 and 1 or left, redis.call('HGET', KEYS[1], 'at') == tostring(now) and 1 or 0 }`,
  'whole numbers print as such':
    "return { tostring(tonumber('7') + 1), 'g:' .. tonumber(ARGV[1]), tostring(3.5) }",
  'numbers are cut off': 'return { 3.99, -3.99, 1763856000123 }',
  'booleans become 1 and nil': 'return { true, false, 5 }',
  'a table ends at its first nil': 'return { 1, nil, 3 }',
  'tables nest': "return { 1, { 'two', { 3 } } }",
  'nothing is nil': 'local unused = 1',
  'HGETALL is a list': "return #redis.call('HGETALL', KEYS[1]) >= 6 and 1 or 0",
  'arguments are text': 'return { ARGV[1], type(ARGV[1]), #ARGV, #KEYS }',
  'lists unpack': "return { unpack({ 'a', 'b' }) }",
  'a status': "return redis.status_reply('FINE')",
  'pcall gives the error': "return type(redis.pcall('NOSUCHCOMMAND').err)",
  'math.min and math.floor': 'return { math.min(1763856000123, 5), math.floor(1763856000123.7) }'
}

const answers = async (client: Redis) => {
  await client.hset('entry', { text: 'a', number: '7', empty: '' })
  const results: Record<string, unknown> = {}
  for (const [name, lua] of Object.entries(scripts)) {
    client.defineCommand('probe', { numberOfKeys: 1, lua })
    results[name] = [await client.probe('entry', 5, 'x'), await client.eval(lua, 1, 'entry', 5, 'x')]
  }
  return results
}

const skip = !findRedisServer() && 'neither redis-server nor valkey-server is on the PATH'

void t.test('a script answers as on a server', { skip }, async (t) => {
  const stores = await startEmbeddedStores({ ...options, redisKind: 'server', dataDir: temporaryFolder(t) })
  t.teardown(stores.close)
  const server = new Redis({ path: (stores.redisUrl ?? '').slice('unix://'.length) })
  t.teardown(() => {
    server.disconnect()
  })
  const expected = await answers(server)
  t.same(await answers(createMemoryRedis()), expected)
  t.same(expected['an absent field is false'], Array(2).fill(['false', '7', 3, 'false']), 'they did run')
})

void t.test('a script fails as a command does', async (t) => {
  const client = createMemoryRedis()
  await t.rejects(client.eval("return redis.call('NOSUCHCOMMAND')", 0), { message: /NOSUCHCOMMAND/ })
  await t.rejects(client.eval("return redis.error_reply('MY own words')", 0), { message: 'MY own words' })
  await t.rejects(client.eval("error({ err = 'MY own words' })", 0), { message: 'MY own words' })
  await t.rejects(client.eval('this is not Lua', 0), { message: /syntax error/ })
  t.equal(await client.eval('return 1', 0), 1, 'and the next one runs')
})

void t.test('a script runs in a pipeline', async (t) => {
  const client = createMemoryRedis()
  client.defineCommand('probe', {
    numberOfKeys: 1,
    lua: "return redis.call('HINCRBY', KEYS[1], 'n', ARGV[1])"
  })
  const pipeline = client.pipeline()
  pipeline.probe('counter', 2)
  pipeline.probe('counter', 3)
  t.same(await pipeline.exec(), [
    [null, 2],
    [null, 5]
  ])
})

void t.test('duplicates share keys and channels; another store does not', async (t) => {
  const publisher = createMemoryRedis()
  const subscriber = publisher.duplicate()
  await subscriber.subscribe('revoked')
  const received = once(subscriber, 'message')
  t.equal(await publisher.publish('revoked', 'a session'), 1)
  t.same(await received, ['revoked', 'a session'])

  await publisher.set('mine', '1')
  t.equal(await publisher.duplicate().get('mine'), '1')
  const other = createMemoryRedis()
  t.equal(await other.get('mine'), null)
  t.equal(await other.publish('revoked', 'another'), 0)
})

void t.test('it goes into @fastify/redis, and needs no folder', async (t) => {
  const stores = await startEmbeddedStores({
    ...options,
    redisKind: 'memory',
    dataDir: '/nowhere/to/be/made'
  })
  const { redisClient } = stores
  if (!redisClient) throw new Error('no client')
  const fastify = Fastify()
  await fastify.register(fastifyRedis, { client: redisClient })
  await fastify.redis.set('kept', '42')
  t.equal(await redisClient.get('kept'), '42')
  await fastify.close()

  t.match(stores.description, ['in the memory of this process: its data ends with it'])
  const ended = once(redisClient, 'end')
  await stores.close()
  await ended
  t.equal(redisClient.status, 'end')
})
