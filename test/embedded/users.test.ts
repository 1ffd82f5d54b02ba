import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startEmbeddedStores, type EmbeddedStores } from '../../embedded/index.ts'
import { postgresUser } from '../../embedded/postgres-programs.ts'
import { query, startStoresProcess, temporaryFolder, untilNothingRunsIn } from './support.ts'

const options = { postgres: true, redis: false }
const skip = process.getuid?.() !== 0 && 'only root can be several users'
const nobody = {
  uid: Number(execFileSync('id', ['-u', 'nobody'])),
  gid: Number(execFileSync('id', ['-g', 'nobody']))
}

/** Puts a command `id` on the PATH that knows of these users only. */
function pretendUsers(t: Test, ...names: string[]): void {
  const folder = temporaryFolder(t)
  const cases = names.map(
    (name) => `${name}) exec ${execFileSync('which', ['id'], { encoding: 'utf8' }).trim()} "$@";;`
  )
  writeFileSync(join(folder, 'id'), `#!/bin/sh\ncase $2 in ${cases.join(' ')} esac\nexit 1\n`, {
    mode: 0o755
  })
  const path = process.env['PATH'] ?? ''
  process.env['PATH'] = folder + delimiter + path
  t.teardown(() => {
    process.env['PATH'] = path
  })
}

void t.test('root runs it as another user, in a folder that only root can enter', { skip }, async (t) => {
  const dataDir = join(temporaryFolder(t), 'data')
  const user = postgresUser()
  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  t.equal(statSync(dirname(dataDir)).mode & 0o777, 0o700)
  t.equal(statSync(join(dataDir, 'postgres')).uid, user?.uid)
  t.match(stores.description, [`as user "${user?.name}" because it refuses to be root`])
  t.match(stores.description, [join(dataDir, 'postgres')])
  // What makes new files and processes, and what reads the folder by its name.
  await query(stores, 'create database another')
  await query(stores, 'create table numbers as select * from generate_series(1, 100000) as number')
  await query(stores, 'create index on numbers (number)')
  await query(stores, 'vacuum full numbers')
  await query(stores, 'checkpoint')
  t.same(await query(stores, 'select count(*)::int from numbers'), [[100_000]])
})

void t.test('where there is no user "postgres", nobody will do', { skip }, async (t) => {
  pretendUsers(t, 'nobody')
  const dataDir = temporaryFolder(t)
  const stores = await startEmbeddedStores({ ...options, dataDir })
  t.teardown(stores.close)
  t.equal(statSync(join(dataDir, 'postgres')).uid, nobody.uid)
  t.match(stores.description, ['as user "nobody"'])
  t.same(await query(stores, 'select 1'), [[1]])
})

void t.test('where there is no user at all, start says so', { skip }, async (t) => {
  pretendUsers(t)
  await t.rejects(startEmbeddedStores({ ...options, dataDir: temporaryFolder(t) }), {
    message: 'set DATABASE_URL'
  })
})

void t.test('a user without privileges', { skip }, async (t) => {
  const program = fileURLToPath(import.meta.url)
  if (spawnSync('test', ['-r', program], nobody).status !== 0)
    return t.comment('nobody cannot read this checkout')
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o755)
  const home = join(folder, 'home')
  mkdirSync(home, { mode: 0o700 })
  chownSync(home, nobody.uid, nobody.gid)

  const dataDir = join(home, 'data')
  for (const sql of ['create table kept as select 42 as answer', 'select answer from kept']) {
    const owner = startStoresProcess({ ...options, dataDir, redis: true }, { user: nobody })
    const stores = JSON.parse(await owner.line()) as EmbeddedStores
    t.match(stores.description, [/^PostgreSQL [\d.]+ in [^,]+, on 127.0.0.1:\d+$/])
    t.same(await query(stores, sql), sql.startsWith('select') ? [[42]] : [])
    owner.child.kill('SIGKILL')
    await owner.ended
    await untilNothingRunsIn(dataDir)
  }
  t.equal(statSync(join(dataDir, 'postgres')).uid, nobody.uid)
})
