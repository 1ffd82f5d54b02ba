import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findRedisServer } from '../../embedded/redis.ts'
import { processesIn, temporaryFolder } from '../embedded/support.ts'
import { bearer, password } from '../helper.ts'
import { ask, signUp, startServer } from './process.ts'

// Each start of a process takes its time on a busy machine.
t.setTimeout(300_000)

const redisKinds = findRedisServer() ? (['server', 'memory'] as const) : (['memory'] as const)
const stores = { server: /Redis \((redis|valkey)-server\) in \S+\/redis,/, memory: /Redis .* in the memory/ }

for (const kind of redisKinds) {
  t.test(`with nothing but Node, Redis as "${kind}"`, async (t) => {
    const env = { EMBEDDED_REDIS: kind }
    const first = startServer(t, { env })
    const { folder } = first
    const { refresh_token } = await signUp(await first.ready)
    const secretKey = readFileSync(join(folder, '.data/secret-key'), 'utf8')
    t.equal(statSync(join(folder, '.data/secret-key')).mode & 0o777, 0o600)
    first.child.kill('SIGINT')
    t.match(await first.ended, { code: 0, stderr: '' })
    t.same(processesIn(folder), [], 'no process is left')

    const second = startServer(t, { env, folder })
    const url = await second.ready
    const login = await ask('POST', `${url}/auth/login`, { body: { email: 'ada@example.com', password } })
    t.equal(login.status, 200)
    const refreshed = await ask('POST', `${url}/auth/refresh`, { headers: bearer(refresh_token) })
    t.equal(refreshed.status, 200, 'the session goes on too')
    t.equal(readFileSync(join(folder, '.data/secret-key'), 'utf8'), secretKey)
    second.child.kill('SIGTERM')
    const { code, stdout } = await second.ended
    t.equal(code, 0)
    t.same(processesIn(folder), [])

    const banner = stdout.slice(stdout.indexOf('Latchkey is ready'))
    t.match(banner, `Latchkey is ready:  ${url} `)
    t.match(banner, new RegExp(`PostgreSQL 18.* in ${join(folder, '.data/postgres')}, on 127.0.0.1:`))
    t.match(banner, stores[kind])
    t.match(banner, /^ {2}argon2: (portable|compiled)/m)
    t.match(banner, `curl -c cookies.txt -H 'content-type: application/json' -d '{"email":`)
    t.match(banner, `${url}/auth/signup`)
  })
}

t.test('two at once, on other ports and in other folders, are two', async (t) => {
  const servers = [startServer(t), startServer(t)]
  const urls = await Promise.all(servers.map(({ ready }) => ready))
  t.equal(new Set(urls).size, 2)
  await Promise.all(urls.map((url) => signUp(url)))
  for (const { child } of servers) child.kill('SIGINT')
  t.match(await Promise.all(servers.map(({ ended }) => ended)), [{ code: 0 }, { code: 0 }])
  for (const { folder } of servers) t.same(processesIn(folder), [])
})

t.test('two at once in one folder are refused', async (t) => {
  const folder = temporaryFolder(t)
  const first = startServer(t, { folder })
  await first.ready
  const { code, stderr } = await startServer(t, { folder }).ended
  t.equal(code, 1)
  t.match(
    stderr,
    `could not start: The data folder ${join(folder, '.data')} is in use by process ${String(first.child.pid)}`
  )
  t.notMatch(stderr, /^ +at /m, 'in plain words')
})
