import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { existsSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { processesIn, temporaryFolder, untilNothingRunsIn } from '../embedded/support.ts'
import { makeStores, password } from '../helper.ts'
import { until } from '../stores/until.ts'
import { load } from './load.ts'
import { ask, onStores, root, startServer, watch } from './process.ts'

// Each start of a process takes its time on a busy machine.
t.setTimeout(300_000)

t.test('SIGTERM under load: what was asked is answered, then it ends', async (t) => {
  const server = startServer(t, {
    env: { ...onStores(await makeStores(t)), REFRESH_RATE: '0' }
  })
  const { answers, broken, done } = load(await server.ready, 12)
  const answered = () => answers.get(200) ?? 0
  await until('the load to be on', async () => answered() > 50)
  server.child.kill('SIGTERM')
  const before = answered()
  // By itself: it is given 9 s, and would else end with 1.
  t.match(await server.ended, { code: 0, signal: null, stderr: '' })
  await done
  t.same([...answers.keys()], [200], 'every answer is the usual one')
  t.same(broken, [], 'no connection was cut under a request')
  t.ok(answered() > before, 'requests in flight were answered')
})

t.test(
  'whoever asked before SIGTERM and is answered after it learns that the connection is closed',
  async (t) => {
    // The sign-up is under way for as long as this one says nothing of its password.
    const mirror = createServer()
    t.teardown(() => mirror.close())
    await once(mirror.listen(0, '127.0.0.1'), 'listening')
    const { port } = mirror.address() as AddressInfo
    const server = startServer(t, {
      env: {
        ...onStores(await makeStores(t)),
        HIBP: `http://127.0.0.1:${String(port)}/range/`,
        LOG_LEVEL: 'info'
      }
    })
    const agent = new Agent({ keepAlive: true })
    t.teardown(() => agent.destroy())
    const [url, lookUp] = [await server.ready, once(mirror, 'request')]
    const asked = ask('POST', `${url}/auth/signup`, { body: { email: 'ada@example.com', password }, agent })
    const [, answer] = (await lookUp) as [IncomingMessage, ServerResponse]

    if (!server.child.stdout) throw new Error('Its standard output is no pipe.')
    const log = on(server.child.stdout, 'data')
    server.child.kill('SIGTERM')
    for await (const lines of log) if (String(lines).includes('"closing: ')) break
    answer.end()
    t.match(await asked, { status: 201, headers: { connection: 'close' } })
    t.match(await server.ended, { code: 0, stderr: '' })
  }
)

t.test('a crash is one: nothing listens to it', async (t) => {
  const server = startServer(t, { env: onStores(await makeStores(t)) })
  await server.ready
  server.child.kill('SIGILL')
  t.match(await server.ended, { code: null, signal: 'SIGILL' })
})

const moments = [
  { signal: 'SIGINT', moment: 'the data folder is made', file: 'postgres.password' },
  { signal: 'SIGTERM', moment: 'PostgreSQL starts', file: 'postgres/postmaster.pid' },
  { signal: 'SIGINT', moment: 'the key is made', file: 'secret-key' }
] as const

for (const { signal, moment, file } of moments) {
  t.test(`${signal} while it starts, when ${moment}`, async (t) => {
    const { child, folder, ended } = startServer(t)
    await until(file, async () => existsSync(join(folder, '.data', file)))
    child.kill(signal)
    await ended
    await untilNothingRunsIn(folder)

    const again = startServer(t, { folder })
    await again.ready
    again.child.kill(signal)
    t.match(await again.ended, { code: 0 }, 'the next start is none the worse')
    t.same(processesIn(folder), [])
  })
}

function isGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

t.test('Ctrl-C in npm run dev ends all of it', async (t) => {
  const folder = temporaryFolder(t)
  const settings = { PORT: '0', DATA_DIR: join(folder, 'data'), DATABASE_URL: '', REDIS_URL: '' }
  // In a process group of its own, as a terminal's.
  const child = spawn('npm', ['run', 'dev'], {
    cwd: root,
    detached: true,
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const { ready, ended } = watch(t, child)
  await fetch(`${await ready}/auth/me`)
  process.kill(-Number(child.pid), 'SIGINT')
  const { stdout } = await ended
  t.match(stdout, /^\[\d\d:\d\d:\d\d\] INFO: incoming request/m, 'logs are for people')
  await untilNothingRunsIn(folder)
  // One that has ended is of the group until its parent, whoever that is by now, has taken note of it.
  await until('nothing to be left of the group', async () => !isGroup(Number(child.pid)))
})
