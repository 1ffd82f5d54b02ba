import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import pg from 'pg'

const program = fileURLToPath(new URL('../dist/server.js', import.meta.url))

export interface BenchedServer {
  url: string
  /** What it runs on. */
  stores: string
  stop: () => Promise<void>
}

/**
 * The built server, as a process, on a database and a key prefix of its own on the servers that
 * `DATABASE_URL` and `REDIS_URL` name; on embedded stores where they name none. `stop` removes what it made.
 */
export async function startServer(env: NodeJS.ProcessEnv = {}): Promise<BenchedServer> {
  const { DATABASE_URL, REDIS_URL } = process.env
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const name = `latchkey_bench_${randomBytes(6).toString('hex')}`
  const settings: NodeJS.ProcessEnv = {
    PORT: '0',
    LOG_LEVEL: 'warn',
    DATA_DIR: join(folder, 'data'),
    REDIS_PREFIX: `${name}:`,
    ...env
  }
  const admin = DATABASE_URL ? new pg.Client({ connectionString: DATABASE_URL }) : undefined
  if (DATABASE_URL) {
    await admin?.connect()
    await admin?.query(`CREATE DATABASE ${name}`)
    const url = Object.assign(new URL(DATABASE_URL), { pathname: `/${name}` })
    Object.assign(settings, { DATABASE_URL: url.href, SECRET_KEY: randomBytes(48).toString('base64url') })
  }
  if (REDIS_URL) settings['REDIS_URL'] = REDIS_URL

  const server = spawn(process.execPath, [program], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGTERM')
      await once(server, 'exit')
    }
    await admin?.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin?.end()
    if (REDIS_URL) await forget(REDIS_URL, `${name}:*`)
    rmSync(folder, { recursive: true, force: true })
  }
  for await (const line of createInterface(server.stdout)) {
    const [, url] = /ready: +(http:\S+)/.exec(line) ?? []
    // Its output is read on, so that it never waits for us.
    server.stdout.resume()
    if (url) return { url, stores: DATABASE_URL && REDIS_URL ? 'real servers' : 'embedded stores', stop }
  }
  await stop()
  throw new Error('the server did not start')
}

async function forget(redisUrl: string, pattern: string): Promise<void> {
  const redis = new Redis(redisUrl)
  for await (const keys of redis.scanStream({ match: pattern, count: 1000 }) as AsyncIterable<string[]>)
    if (keys.length > 0) await redis.del(...keys)
  redis.disconnect()
}
