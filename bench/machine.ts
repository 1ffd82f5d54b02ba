import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import pg from 'pg'
import type { Machine } from '../scripts/markdown.ts'
import { connectRedis, mastersOf } from './redis.ts'
import type { Stores } from './stores.ts'

export async function describeMachine({ databaseUrl, redisUrl }: Stores): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release().replace(/-.*/, '')}`,
    node: process.version,
    postgres: await postgresVersion(databaseUrl),
    redis: await redisVersion(redisUrl)
  }
}

async function postgresVersion(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
  await client.end()
  return rows[0]?.server_version.split(' ', 1).join('') ?? 'unknown'
}

async function redisVersion(url: string): Promise<string> {
  const redis = connectRedis(url)
  const info = await redis.info('server')
  const masters = await mastersOf(redis)
  redis.disconnect()
  const version = /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
  return masters.length > 1 ? `${version} (Cluster of ${String(masters.length)} masters)` : version
}

/** The commit that is measured, and whether it has changes. */
export function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!docs/results')
  return git('rev-parse', '--short', 'HEAD') + (changed ? ' and changes' : '')
}
