import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startEmbeddedStores } from '../../embedded/index.ts'
import { findRedisServer } from '../../embedded/redis.ts'
import { processesIn, temporaryFolder } from './support.ts'

const program = findRedisServer()
const skip = program === undefined && 'neither redis-server nor valkey-server is on the PATH'
const options = { postgres: false, redis: true } as const
const path = process.env['PATH'] ?? ''

function setPath(t: Test, ...folders: string[]): void {
  process.env['PATH'] = folders.join(delimiter)
  t.teardown(() => {
    process.env['PATH'] = path
  })
}

/** A server's socket, from its URL. */
const socketOf = ({ redisUrl = '' }) => redisUrl.slice('unix://'.length)

function connect(t: Test, stores: { redisUrl?: string }): Redis {
  const client = new Redis({ path: socketOf(stores) })
  t.teardown(() => {
    client.disconnect()
  })
  return client
}

void t.test('a server keeps its data over a restart', { skip }, async (t) => {
  const dataDir = join(temporaryFolder(t), 'with a space')
  const first = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(first.close)
  await connect(t, first).set('kept', '42')
  await first.close()
  await first.close()
  t.same(processesIn(dataDir), [])

  const second = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(second.close)
  t.equal(await connect(t, second).get('kept'), '42')
  await second.close()
  t.same(processesIn(dataDir), [])
})

void t.test('a server is for its user only, and writes behind each second', { skip }, async (t) => {
  const dataDir = temporaryFolder(t)
  const stores = await startEmbeddedStores({ ...options, dataDir, redisKind: 'server' })
  t.teardown(stores.close)
  t.equal(statSync(socketOf(stores)).mode & 0o777, 0o700)
  t.equal(statSync(join(dataDir, 'redis')).mode & 0o777, 0o700)
  const client = connect(t, stores)
  t.same(await client.config('GET', 'port'), ['port', '0'])
  t.same(await client.config('GET', 'appendonly'), ['appendonly', 'yes'])
  t.same(await client.config('GET', 'appendfsync'), ['appendfsync', 'everysec'])
  t.match(stores.description, [`in ${join(dataDir, 'redis')}, on the private socket ${socketOf(stores)}`])
  t.equal('databaseUrl' in stores || 'redisClient' in stores, false)
})

void t.test('where the path of the socket would be too long, it is elsewhere', { skip }, async (t) => {
  const dataDir = join(temporaryFolder(t), 'deep'.repeat(30))
  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  const folder = dirname(socketOf(stores))
  t.notMatch(folder, dataDir)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(await connect(t, stores).ping(), 'PONG')
  await stores.close()
  t.throws(() => statSync(folder), { code: 'ENOENT' })
})

void t.test('valkey-server will do as well', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  symlinkSync(program ?? '', join(folder, 'valkey-server'))
  setPath(t, folder)
  const stores = await startEmbeddedStores({ ...options, dataDir: join(folder, 'data') })
  t.teardown(stores.close)
  t.match(stores.description, ['Redis (valkey-server) in'])
  t.equal(await connect(t, stores).ping(), 'PONG')
})

void t.test('without either program', async (t) => {
  const dataDir = temporaryFolder(t)
  setPath(t, dataDir)
  await t.rejects(startEmbeddedStores({ ...options, dataDir, redisKind: 'server' }), {
    message: 'Neither redis-server nor valkey-server is on the PATH'
  })
  t.same(readdirSync(dataDir), [], 'the folder is released')

  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  t.ok(stores.redisClient)
  t.match(stores.description, ['its data ends with it'])
})

void t.test('a server that does not come up is quoted, and the other store stopped', async (t) => {
  const folder = temporaryFolder(t)
  const fake = join(folder, 'redis-server')
  writeFileSync(fake, '#!/bin/sh\necho "Fatal: it is Monday"\nexit 3\n')
  chmodSync(fake, 0o755)
  setPath(t, folder, path)
  const dataDir = join(folder, 'data')
  await t.rejects(startEmbeddedStores({ dataDir, postgres: true, redis: true }), {
    message: /redis-server did not start: it ended with code 3\. Its last words:\nFatal: it is Monday/
  })
  t.same(processesIn(dataDir), [])
  t.same(
    readdirSync(dataDir).filter((name) => name.startsWith('owner')),
    []
  )
})

void t.test('a program that cannot be run is named', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'redis-server'), '#!/nowhere/sh\n', { mode: 0o755 })
  setPath(t, folder)
  mkdirSync(join(folder, 'data'))
  await t.rejects(startEmbeddedStores({ ...options, dataDir: join(folder, 'data') }), {
    message: /redis-server did not start: it ended with code 12[67]\. Its last words:\n.*redis-server/
  })
})
