import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { redisInMemory, type Stores } from '../helper.ts'
import { root } from './pages.ts'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** server.ts as a process of its own, in a working directory of this test's. */
export function spawnServer(cwd: string, env: NodeJS.ProcessEnv) {
  return spawn(process.execPath, ['--import', tsx, `${root}server.ts`], {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
}

/** Starts the server on a free port, on the stores of the test. @returns its URL, once it says that it is ready */
export async function startServer(t: Test, { env }: Stores): Promise<string> {
  const given = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]))
  const redis = redisInMemory ? { REDIS_URL: '', EMBEDDED_REDIS: 'memory' } : {}
  const child = spawnServer(t.testdir(), { ...given, ...redis, PORT: '0' })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill()
    await once(child, 'exit')
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  for await (const line of createInterface(child.stdout)) {
    const url = /ready: +(http:\S+)/.exec(line)?.[1]
    if (url) return url
  }
  throw new Error(`the server did not start: ${errors}`)
}
