import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { join, resolve } from 'node:path'
import t from 'tap'
import { startEmbeddedStores, type EmbeddedStores } from '../../embedded/index.ts'
import { postgresUser } from '../../embedded/postgres-programs.ts'
import { findRedisServer } from '../../embedded/redis.ts'
import { processesIn, query, startStoresProcess, temporaryFolder, untilNothingRunsIn } from './support.ts'

const redis = findRedisServer() !== undefined
const options = { postgres: true, redis, redisKind: 'server' } as const

const kill = (line: string, signal: NodeJS.Signals) => process.kill(Number.parseInt(line, 10), signal)
const isLeash = (line: string) => line.includes('/bin/sh -c ( ( read')

void t.test(
  'Ctrl-C at the terminal leaves the stores to their owner',
  { skip: !redis && 'no redis-server' },
  async (t) => {
    const dataDir = temporaryFolder(t)
    const owner = startStoresProcess({ ...options, dataDir })
    await owner.line()
    // To the whole group, as a terminal does.
    process.kill(-owner.child.pid, 'SIGINT')
    t.same(JSON.parse(await owner.line()), { rows: [[1]], redis: 'PONG' })
    t.same(await owner.ended, [0, null, ''])
    t.same(processesIn(dataDir), [])
    t.notMatch(readdirSync(dataDir).join(), /owner/)
  }
)

void t.test('the stores follow an owner that throws', async (t) => {
  const dataDir = temporaryFolder(t)
  const owner = startStoresProcess({ ...options, dataDir, then: 'throw' })
  t.match(await owner.ended, [1, null, /Nobody catches this/])
  await untilNothingRunsIn(dataDir)
  t.equal(
    readdirSync(join(dataDir, 'postgres')).includes('postmaster.pid'),
    false,
    'it was shut down in order'
  )
})

void t.test('the stores follow an owner that was killed', async (t) => {
  const dataDir = temporaryFolder(t)
  const owner = startStoresProcess({ ...options, dataDir })
  await owner.line()
  owner.child.kill('SIGKILL')
  await owner.ended
  await untilNothingRunsIn(dataDir)
  t.equal(
    readdirSync(join(dataDir, 'postgres')).includes('postmaster.pid'),
    false,
    'it was shut down in order'
  )
})

void t.test('a store follows an owner that was killed in the moment it started it', async (t) => {
  for (const kind of [
    { postgres: true, redis: false },
    ...(redis ? [{ postgres: false, redis: true }] : [])
  ]) {
    const dataDir = temporaryFolder(t)
    const owner = startStoresProcess({ redisKind: 'server', ...kind, dataDir, then: 'die' })
    t.match(await owner.ended, [null, 'SIGKILL'])
    await untilNothingRunsIn(dataDir)
  }
})

void t.test('orphans are ended by the next owner, and their data is there', async (t) => {
  const dataDir = temporaryFolder(t)
  const owner = startStoresProcess({ ...options, dataDir })
  const before = JSON.parse(await owner.line()) as EmbeddedStores
  await query(before, 'create table kept as select 42 as answer')

  for (const leash of processesIn(dataDir).filter(isLeash)) kill(leash, 'SIGKILL')
  owner.child.kill('SIGKILL')
  await owner.ended
  const orphans = processesIn(dataDir)
  t.match(orphans.join(), /postgres/)
  t.same(await query(before, 'select answer from kept'), [[42]], 'the orphan still serves')

  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  t.same(await query(stores, 'select answer from kept'), [[42]])
  t.same(
    orphans.filter((orphan) => processesIn(dataDir).includes(orphan)),
    []
  )
  await stores.close()
  t.same(processesIn(dataDir), [])
})

void t.test('a crash of the whole machine is recovered from', async (t) => {
  const dataDir = temporaryFolder(t)
  const owner = startStoresProcess({ ...options, dataDir })
  const before = JSON.parse(await owner.line()) as EmbeddedStores
  await query(before, 'create table kept as select 42 as answer')
  if (before.redisUrl) {
    const client = new Redis({ path: before.redisUrl.slice('unix://'.length) })
    await client.set('kept', '42')
    client.disconnect()
  }
  // The leashes first, or they would let the servers end in order.
  for (const line of processesIn(dataDir).sort((one) => (isLeash(one) ? -1 : 1))) kill(line, 'SIGKILL')
  await owner.ended
  t.ok(readdirSync(join(dataDir, 'postgres')).includes('postmaster.pid'))

  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  t.same(await query(stores, 'select answer from kept'), [[42]])
  if (stores.redisUrl) {
    const client = new Redis({ path: stores.redisUrl.slice('unix://'.length) })
    t.equal(await client.get('kept'), '42')
    client.disconnect()
  }
  await stores.close()
  t.same(processesIn(dataDir), [])
})

void t.test(
  'a crash is recovered from even where the number of the dead server is in use again',
  async (t) => {
    const dataDir = temporaryFolder(t)
    const owner = startStoresProcess({ ...options, redis: false, dataDir })
    await owner.line()
    for (const line of processesIn(dataDir).sort((one) => (isLeash(one) ? -1 : 1))) kill(line, 'SIGKILL')
    await owner.ended

    // As after a restart of a container: another process of the same user has that number by now.
    const other = spawn('cat', { ...postgresUser(), stdio: ['pipe', 'ignore', 'ignore'] })
    t.teardown(() => other.kill())
    const postmaster = join(dataDir, 'postgres', 'postmaster.pid')
    const [dead = ''] = readFileSync(postmaster, 'utf8').split('\n')
    for (const file of [postmaster, ...readdirSync(dataDir).filter((name) => name.startsWith('owner'))]) {
      const path = resolve(dataDir, file)
      writeFileSync(path, readFileSync(path, 'utf8').replace(dead, `${other.pid}`))
    }
    const stores = await startEmbeddedStores({ ...options, redis: false, dataDir })
    t.teardown(stores.close)
    t.same(await query(stores, 'select 1'), [[1]])
    t.equal(other.exitCode ?? other.signalCode, null, 'the other process is unharmed')
  }
)

void t.test('a data folder has one owner', async (t) => {
  const dataDir = temporaryFolder(t)
  const owner = startStoresProcess({ ...options, dataDir })
  const stores = JSON.parse(await owner.line()) as EmbeddedStores

  const refusal = {
    message: `The data folder ${dataDir} is in use by process ${owner.child.pid}: stop that process`
  }
  await t.rejects(startEmbeddedStores({ ...options, dataDir }), refusal)
  await t.rejects(startEmbeddedStores({ ...options, dataDir, postgres: false, redis: true }), refusal)
  t.same(await query(stores, 'select 1'), [[1]], 'the owner is unharmed')

  owner.child.kill('SIGINT')
  await owner.ended
  await untilNothingRunsIn(dataDir)

  const own = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(own.close)
  await t.rejects(startEmbeddedStores({ ...options, dataDir }), {
    message: `in use by process ${process.pid}`
  })
  await own.close()
  t.same(processesIn(dataDir), [])
})
