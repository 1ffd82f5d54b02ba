import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { claimDataFolder } from '../../embedded/data-folder.ts'
import { startEmbeddedStores } from '../../embedded/index.ts'
import { pickFreePort } from '../../embedded/free-port.ts'
import { startEmbeddedPostgres } from '../../embedded/postgres.ts'
import { processesIn, query, temporaryFolder } from './support.ts'

const options = { postgres: true, redis: false }

void t.test('keeps its data over a restart', async (t) => {
  const dataDir = temporaryFolder(t)
  const clusterIdentity = 'select system_identifier::text from pg_control_system()'

  const first = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(first.close)
  await query(first, 'create table kept as select 42 as answer')
  const identity = await query(first, clusterIdentity)
  await first.close()
  await first.close()
  t.same(processesIn(dataDir), [])

  const second = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(second.close)
  t.same(await query(second, 'select answer from kept'), [[42]])
  t.same(await query(second, clusterIdentity), identity)
  await second.close()
  t.same(processesIn(dataDir), [])
})

void t.test('a first start that was cut short is made anew', async (t) => {
  const dataDir = temporaryFolder(t)
  mkdirSync(join(dataDir, 'postgres.new-abcdef', 'base'), { recursive: true })
  writeFileSync(join(dataDir, 'postgres.password'), 'of an earlier try\n')
  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  t.same(await query(stores, 'select 1'), [[1]])
  await stores.close()
  t.same(readdirSync(dataDir), ['postgres', 'postgres.password'])
  t.equal(statSync(join(dataDir, 'postgres.password')).mode & 0o777, 0o600)
})

void t.test('two data folders at once are two databases', async (t) => {
  const folders = [temporaryFolder(t), temporaryFolder(t)]
  const both = await Promise.all(folders.map((dataDir) => startEmbeddedStores({ ...options, dataDir })))
  t.teardown(() => Promise.all(both.map((stores) => stores.close())))
  await Promise.all(
    both.map((stores, index) => query(stores, `create table mine as select ${index} as number`))
  )
  t.same(await Promise.all(both.map((stores) => query(stores, 'select number from mine'))), [[[0]], [[1]]])
})

void t.test('one database', async (t) => {
  const dataDir = temporaryFolder(t)
  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  const databaseUrl = new URL(stores.databaseUrl ?? '')

  void t.test('says what it is and where', async (t) => {
    t.match(stores.description, [`PostgreSQL 18`])
    t.match(stores.description, [`${join(dataDir, 'postgres')}, on 127.0.0.1:${databaseUrl.port}`])
    t.equal('redisUrl' in stores || 'redisClient' in stores, false)
  })

  void t.test('writes what it acknowledges to disk', async (t) => {
    t.same(await query(stores, 'show fsync'), [['on']])
    t.same(await query(stores, 'show synchronous_commit'), [['on']])
    t.same(await query(stores, 'show full_page_writes'), [['on']])
  })

  void t.test('is in UTF-8 and knows its letters, whatever the locale', async (t) => {
    t.same(await query(stores, "select current_setting('server_encoding'), lower('ÉÑ')"), [['UTF8', 'éñ']])
  })

  void t.test('asks for a password that only we can read', async (t) => {
    t.equal(statSync(join(dataDir, 'postgres.password')).mode & 0o777, 0o600)
    t.equal(statSync(join(dataDir, 'postgres')).mode & 0o777, 0o700)
    for (const password of ['', 'wrong']) {
      const guess = Object.assign(new URL(databaseUrl), { password })
      await t.rejects(query({ databaseUrl: guess.href }, 'select 1'), /password/)
    }
  })

  void t.test('listens on the loopback address only', async (t) => {
    t.same(await query(stores, 'show unix_socket_directories'), [['']])
    const outward = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4')
    if (!outward) return t.comment('this machine has no other address')
    const socket = createConnection(Number(databaseUrl.port), outward.address)
    await t.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' })
  })

  void t.test('warns when it is gone, and can still be closed', async (t) => {
    const warned = once(process, 'warning')
    const [postmaster = ''] = processesIn(dataDir).filter((line) => line.includes('-D'))
    process.kill(Number.parseInt(postmaster, 10), 'SIGQUIT')
    // As the stores keep no process alive.
    const waiting = setInterval(() => undefined, 60_000)
    t.teardown(() => {
      clearInterval(waiting)
    })
    const [warning] = (await warned) as [Error]
    t.match(
      warning.message,
      /PostgreSQL 18\S* is gone: it ended with code \d+.*Its last words:.*immediate shutdown/s
    )
    await stores.close()
    t.same(processesIn(dataDir), [])
  })
})

void t.test('takes another port where the first was taken meanwhile', async (t) => {
  const folder = await claimDataFolder(temporaryFolder(t))
  t.teardown(folder.release)
  const occupant = createServer().listen(0, '127.0.0.1')
  await once(occupant, 'listening')
  t.teardown(() => occupant.close())
  const { port: taken } = occupant.address() as AddressInfo
  const ports = [taken, taken, await pickFreePort()]
  const { addresses, stop } = await startEmbeddedPostgres(folder, async () => ports.shift() ?? 0)
  t.teardown(stop)
  t.same(ports, [])
  t.same(await query(addresses, 'select 1'), [[1]])
  await stop()
  await t.rejects(
    startEmbeddedPostgres(folder, async () => taken),
    { message: /did not start.*Address already in use/s }
  )
})
