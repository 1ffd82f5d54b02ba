import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { processesIn, temporaryFolder, untilNothingRunsIn } from '../embedded/support.ts'
import { makeStores } from '../helper.ts'
import { until } from '../stores/until.ts'
import { load } from './load.ts'
import { onStores, root, startServer, watch } from './process.ts'

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
  t.throws(() => process.kill(-Number(child.pid), 0), { code: 'ESRCH' }, 'nothing is left of the group')
})
