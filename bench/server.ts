import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { removeKeys } from './redis.ts'
import type { Stores } from './stores.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** How each is run by Node: Latchkey as it was built, the floor as it stands here. */
const programs = {
  latchkey: [path('../dist/server.js')],
  floor: ['--import', import.meta.resolve('tsx'), path('floor.ts')]
}

export type Program = keyof typeof programs

export interface BenchedServer {
  program: Program
  url: string
  pid: number
  /** What another node needs to be one of the same: the stores, the key of the tokens, and the port in their issuer. */
  settings: Record<'PORT' | 'DATABASE_URL' | 'REDIS_URL' | 'REDIS_PREFIX' | 'SECRET_KEY', string>
  /** Ends it and removes what it made. */
  stop: () => Promise<void>
}

/** Starts a server as a process, on a database and a key prefix of its own. */
export async function startServer(
  program: Program,
  { databaseUrl, redisUrl }: Stores,
  settings: NodeJS.ProcessEnv = {},
  nodeOptions: readonly string[] = []
): Promise<BenchedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const name = `latchkey_bench_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client({ connectionString: databaseUrl })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)

  const own = {
    PORT: '0',
    DATABASE_URL: Object.assign(new URL(databaseUrl), { pathname: `/${name}` }).href,
    REDIS_URL: redisUrl,
    // As long as the default, which is a part of what a session takes.
    REDIS_PREFIX: `${randomBytes(4).toString('hex')}:`,
    SECRET_KEY: randomBytes(48).toString('base64url')
  }
  const server = spawn(process.execPath, [...nodeOptions, ...programs[program]], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...settings, ...own },
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C is for the bench, which ends it in good order.
    detached: true
  })
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGTERM')
      await once(server, 'exit')
    }
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
    await removeKeys(redisUrl, own.REDIS_PREFIX)
    rmSync(folder, { recursive: true, force: true })
  }
  for await (const line of createInterface(server.stdout)) {
    const [, url] = /ready: +(http:\S+)/.exec(line) ?? []
    // Its output is read on, so that it never waits for us.
    server.stdout.resume()
    if (url && server.pid !== undefined) return { program, url, pid: server.pid, settings: own, stop }
  }
  await stop()
  throw new Error(`${program} did not start`)
}
