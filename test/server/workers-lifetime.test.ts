import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { findRedisServer } from '../../embedded/redis.ts'
import { processesIn, temporaryFolder, untilNothingRunsIn } from '../embedded/support.ts'
import { makeStores, redisInMemory } from '../helper.ts'
import { reservePlace } from '../stores/place.ts'
import { until } from '../stores/until.ts'
import { load } from './load.ts'
import { ask, onStores, signUp, startServer, type ServerProcess } from './process.ts'
import { workersOf } from './workers.ts'

// Each start of a process takes its time on a busy machine.
t.setTimeout(300_000)

const skip = redisInMemory && 'workers need a Redis that they can share'

const untilReplaced = (server: ServerProcess, old: number[]) =>
  until(
    'every worker to be a new one',
    async () => {
      const now = workersOf(server.child)
      return now.length === old.length && !now.some((worker) => old.includes(worker)) && now
    },
    { within: 60_000 }
  )

t.test('SIGTERM under load: what was asked is answered, then all of them end', { skip }, async (t) => {
  const env = { ...onStores(await makeStores(t)), REFRESH_RATE: '0', WORKERS: '2' }
  const server = startServer(t, { env })
  const { answers, broken, done } = load(await server.ready, 12)
  const answered = () => answers.get(200) ?? 0
  await until('the load to be on', async () => answered() > 50)
  t.equal(workersOf(server.child).length, 2)
  server.child.kill('SIGTERM')
  const before = answered()
  const { stdout, ...ending } = await server.ended
  t.match(ending, { code: 0, signal: null, stderr: '' })
  await done
  t.same([...answers.keys()], [200], 'every answer is the usual one')
  t.same(broken, [], 'no connection was cut under a request')
  t.ok(answered() > before, 'requests in flight were answered')
  t.same(processesIn(server.folder), [], 'no process is left')
  t.equal(stdout.split('Latchkey is ready').length, 2, 'it said so once')
  t.match(stdout, /^ {2}2 workers$/m)
})

t.test('SIGHUP under load: new workers, and no request is lost', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const settings = join(folder, '.env')
  writeFileSync(settings, 'DEMO=false\n')
  const env = { ...onStores(await makeStores(t)), REFRESH_RATE: '0', WORKERS: '2', LOG_LEVEL: 'error' }
  const server = startServer(t, { env, folder })
  const url = await server.ready
  const { answers, broken, done } = load(url, 6)
  const answered = () => answers.get(200) ?? 0
  await until('the load to be on', async () => answered() > 50)

  const first = workersOf(server.child)
  t.equal((await ask('GET', url)).status, 404, 'there is no demo page')
  writeFileSync(settings, 'DEMO=true\n')
  server.child.kill('SIGHUP')
  const second = await untilReplaced(server, first)
  const so = answered()
  await until('the load to go on', async () => answered() > so + 50)
  t.equal((await ask('GET', url)).status, 200, 'they have the settings of the file as it is now')

  writeFileSync(settings, 'ACCESS_TOKEN_TTL=2h\n')
  server.child.kill('SIGHUP')
  let log = ''
  server.child.stdout?.on('data', (text: string) => (log += text))
  await until('it to be given up', async () => log.includes('restart given up'), { within: 60_000 })
  t.match(log, /ACCESS_TOKEN_TTL must /, 'with the reason')
  t.same(workersOf(server.child), second, 'where new ones can not start the old ones stay')

  server.child.kill('SIGTERM')
  t.match(await server.ended, { code: 0 })
  await done
  t.same([...answers.keys()], [200], 'every answer is the usual one')
  t.same(broken, [], 'no connection was cut under a request')
  t.same(processesIn(folder), [])
})

t.test('a signal to all of them at once, as of a terminal or a supervisor', { skip }, async (t) => {
  const env = { ...onStores(await makeStores(t)), REFRESH_RATE: '0', WORKERS: '2' }
  const server = startServer(t, { env })
  const { answers, broken, done } = load(await server.ready, 6)
  await until('the load to be on', async () => (answers.get(200) ?? 0) > 20)
  for (const pid of [...workersOf(server.child), Number(server.child.pid)]) process.kill(pid, 'SIGTERM')
  t.match(await server.ended, { code: 0, signal: null, stderr: '' })
  await done
  t.same([...answers.keys()], [200])
  t.same(broken, [])
  t.same(processesIn(server.folder), [])
})

t.test('workers that are killed are replaced, again and again', { skip }, async (t) => {
  // One that the workers do not choose: while all are gone, nobody holds it.
  const place = await reservePlace()
  t.teardown(() => place.remove())
  const env = { ...onStores(await makeStores(t)), WORKERS: '2', PORT: String(place.port) }
  const server = startServer(t, { env })
  const url = await server.ready
  for (let turn = 0; turn < 3; turn += 1) {
    const old = workersOf(server.child)
    for (const worker of old) process.kill(worker, 'SIGKILL')
    await untilReplaced(server, old)
  }
  const answers = async () => (await ask('GET', `${url}/health/live`)).status === 200
  await until('the server to answer', answers, { within: 60_000 })
  await signUp(url)
  server.child.kill('SIGTERM')
  t.match(await server.ended, { code: 0 })
})

t.test('workers whose primary was killed end by themselves', { skip }, async (t) => {
  const env = { ...onStores(await makeStores(t)), REFRESH_RATE: '0', WORKERS: '2' }
  const server = startServer(t, { env })
  const { answers, broken, done } = load(await server.ready, 6)
  await until('the load to be on', async () => (answers.get(200) ?? 0) > 20)
  server.child.kill('SIGKILL')
  await server.ended
  await done
  await untilNothingRunsIn(server.folder)
  t.same([...answers.keys()], [200], 'what was asked was answered')
  t.same(broken, [])
})

t.test(
  'with nothing but Node they share one PostgreSQL and one Redis',
  { skip: !findRedisServer() && 'no redis-server' },
  async (t) => {
    const server = startServer(t, { env: { WORKERS: '2', EMBEDDED_REDIS: 'server' } })
    const url = await server.ready
    const { refresh_token } = await signUp(url)
    for (let turn = 0; turn < 4; turn += 1) {
      const headers = { authorization: `Bearer ${refresh_token}` }
      t.equal((await ask('POST', `${url}/auth/refresh`, { headers })).status, 200)
    }
    server.child.kill('SIGINT')
    t.match(await server.ended, { code: 0, stderr: '' })
    t.same(processesIn(server.folder), [], 'no process is left')
  }
)

t.test('what keeps all of them from starting is said once', async (t) => {
  const refusal = async (env: NodeJS.ProcessEnv) => {
    const server = startServer(t, { env: { WORKERS: '2', ...env } })
    const { code, stdout, stderr } = await server.ended
    t.equal(code, 1)
    t.notMatch(stdout, /ready:/)
    t.same(processesIn(server.folder), [], 'no process is left')
    return stderr
  }
  t.equal(
    await refusal({ ACCESS_TOKEN_TTL: '2h' }),
    'The configuration is not valid:\n  - ACCESS_TOKEN_TTL must be seconds or a number with a unit, such as 10s, 15m or 7d, within its bounds\n'
  )
  t.match(await refusal({ WORKERS: '0' }), /^The .*\n {2}- WORKERS must be auto or a whole number .*\n$/)
  t.match(
    await refusal({ EMBEDDED_REDIS: 'memory' }),
    /^The .*\n {2}- WORKERS: 2 processes cannot share a Redis in the memory of one; set REDIS_URL, .*\n$/
  )
  if (redisInMemory) return

  const stores = onStores(await makeStores(t))
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const port = String((other.address() as AddressInfo).port)
  t.match(
    await refusal({ ...stores, PORT: port }),
    new RegExp(`^Latchkey could not start: .*EADDRINUSE.* Stop what listens there.*\n$`)
  )
  t.match(
    await refusal({ ...stores, REDIS_URL: 'redis://127.0.0.1:1' }),
    /^Latchkey could not start: Redis does not answer: .*\n$/
  )
})
