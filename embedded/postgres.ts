import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { DataFolder } from './data-folder.ts'
import { pickFreePort, startOnFreePort } from './free-port.ts'
import {
  findPostgresPrograms,
  postgresUser,
  type PostgresPrograms,
  type SystemUser
} from './postgres-programs.ts'
import { startPrivateServer, type PrivateServer } from './private-server.ts'

export interface EmbeddedPostgres {
  addresses: { databaseUrl: string }
  description: string
  stop: () => Promise<void>
}

const run = promisify(execFile)

/**
 * A real PostgreSQL in `<folder>/postgres`, on 127.0.0.1 only, at a port that is free now, and behind a
 * password, as other users of the machine can reach that port too. Its settings are the defaults: what it
 * acknowledged survives a crash.
 */
export async function startEmbeddedPostgres(
  folder: DataFolder,
  pickPort = pickFreePort
): Promise<EmbeddedPostgres> {
  const user = postgresUser()
  const programs = findPostgresPrograms(user)
  const data = join(folder.path, 'postgres')
  const passwordFile = join(folder.path, 'postgres.password')
  if (!existsSync(data)) await initialise(data, passwordFile, programs, user)
  const password = readFileSync(passwordFile, 'utf8').trim()

  forgetDeadPostmaster(data, folder)
  const { port, server } = await startOnFreePort(
    (port) => start(data, programs, user, folder, port),
    // The last children of a killed server may still be on their way out.
    /Address already in use|shared memory block/,
    pickPort
  )
  return {
    addresses: { databaseUrl: `postgres://latchkey:${password}@127.0.0.1:${port}/postgres` },
    description: [
      `PostgreSQL ${programs.version} in ${data}, on 127.0.0.1:${port}`,
      ...(user ? [`as user "${user.name}" because it refuses to be root`] : []),
      ...(programs.copiedTo
        ? [`its programs copied to ${programs.copiedTo}, where that user can reach them`]
        : [])
    ].join(', '),
    stop: server.stop
  }
}

/** Made aside and renamed, so that a data folder either is complete or is not there. */
async function initialise(
  data: string,
  passwordFile: string,
  { initdb }: PostgresPrograms,
  user: SystemUser | undefined
): Promise<void> {
  const aside = `${basename(data)}.new-`
  for (const leftover of readdirSync(dirname(data)).filter((name) => name.startsWith(aside))) {
    rmSync(join(dirname(data), leftover), { recursive: true, force: true, maxRetries: 5 })
  }
  const fresh = mkdtempSync(join(dirname(data), aside))
  const password = randomBytes(24).toString('hex')
  try {
    if (user) chownSync(fresh, user.uid, user.gid)
    rmSync(passwordFile, { force: true })
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })

    // The builtin C.UTF-8 sorts and folds case alike on every machine, whatever locales it has.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    const access = ['--username=latchkey', '--pwfile=/dev/stdin', '--auth=scram-sha-256']
    // The password goes through a pipe of that user's: the file is ours alone, and arguments are public.
    const script = 'printf "%s\\n" "$PASSWORD" | "$0" "$@"'
    await run('/bin/sh', ['-c', script, initdb, '-D', asSeenInside(fresh, user), ...access, ...locale], {
      ...user,
      cwd: fresh,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', PASSWORD: password }
    })
    renameSync(fresh, data)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

/**
 * Root can put its data where the user that runs the server has no way in, such as under /root. The server
 * is then started inside the folder and told that its data is where it stands.
 */
function asSeenInside(folder: string, user: SystemUser | undefined): string {
  return user && existsSync('/proc/self/cwd') ? '/proc/self/cwd' : folder
}

/**
 * PostgreSQL takes the number in postmaster.pid for its own as long as any process has that number; we know
 * whether that one has ended.
 */
function forgetDeadPostmaster(data: string, { orphans }: DataFolder): void {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
  if (orphans.some((orphan) => orphan.pid === pid)) rmSync(file)
}

async function start(
  data: string,
  programs: PostgresPrograms,
  user: SystemUser | undefined,
  folder: DataFolder,
  port: number
): Promise<PrivateServer> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'logging_collector=off'
  ]
  return startPrivateServer(
    {
      name: `PostgreSQL ${programs.version}`,
      program: programs.postgres,
      args: ['-D', asSeenInside(data, user), ...settings.flatMap((setting) => ['-c', setting])],
      workingFolder: data,
      user,
      // Fast shutdown: ends the connections, unlike SIGTERM, which would wait for them.
      stopSignal: 'SIGINT'
    },
    folder
  )
}
