import Fastify from 'fastify'
import type { RedisClient } from '../../lua/index.ts'
import configurationPlugin from '../../plugins/configuration.ts'
import redis from '../../plugins/redis.ts'
import type { Configuration } from '../../schemas/configuration.ts'
import { describeError } from '../describe-error.ts'
import { clock, failed, ok, warning, type Check } from './check.ts'

const oldest = 7

/** INFO, as names and values. Managed servers that refuse CONFIG answer it. */
async function info(client: RedisClient): Promise<(name: string) => string> {
  const text = await client.info()
  return (name) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? ''
}

function checkVersion(read: (name: string) => string): Check {
  const valkey = read('valkey_version')
  const version = read('redis_version')
  const found = valkey ? `Valkey ${valkey}` : `Redis ${version}`
  if (Number.parseInt(version, 10) >= oldest) return ok('Redis', found)
  return failed('Redis', found, `Use Redis ${String(oldest)}.0 or newer, or Valkey`)
}

function checkMemory(read: (name: string) => string): Check {
  const policy = read('maxmemory_policy') || 'unknown'
  const found = `maxmemory-policy ${policy}`
  if (policy === 'noeviction') return ok('eviction', found)
  const advice =
    'Set maxmemory-policy noeviction: an evicted session costs a look into Postgres, a full Redis loses nothing'
  return warning('eviction', found, advice)
}

function checkPersistence(read: (name: string) => string): Check {
  if (read('aof_enabled') === '1') return ok('persistence', 'appendonly yes')
  const advice =
    'Set appendonly yes: without it a restart of Redis costs a look into Postgres for every session, and theft is seen less well until then'
  return warning('persistence', 'appendonly no', advice)
}

/** @param client one that is there already, in the memory of this process */
export async function checkRedis(
  configuration: Configuration,
  client: RedisClient | undefined
): Promise<Check[]> {
  if (client) return [ok('Redis', 'in the memory of the server, for a trial')]
  const fastify = Fastify()
  try {
    await fastify.register(configurationPlugin, { configuration })
    await fastify.register(redis)
    await fastify.ready()
    const { redisClient } = fastify
    const read = await info(redisClient)
    const askedAt = Date.now()
    const [seconds, microseconds] = await redisClient.time()
    const ahead = Number(seconds) * 1000 + Number(microseconds) / 1000 - (askedAt + Date.now()) / 2
    return [checkVersion(read), clock('clock of Redis', ahead), checkMemory(read), checkPersistence(read)]
  } catch (error) {
    const advice = 'Is REDIS_URL right, does the server run, and may this machine reach it?'
    return [failed('Redis', describeError(error), advice)]
  } finally {
    await fastify.close()
  }
}
