import { accessSync, constants } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { Redis } from 'ioredis'
import { type Place, reservePlace } from './place.ts'
import { launch, type StoreProcess } from './process.ts'

export interface RedisHandle {
  readonly port: number
  readonly url: string
  readonly folder: string
  readonly pid: number
  readonly state: StoreProcess['state']
  /** Resolves once the process is gone. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
  pause(): void
  resume(): void
  /** Kills the process where it still runs and starts it anew on the same port, with or without its data. */
  restart(options: { keepData: boolean }): Promise<void>
  /** A plain client to look inside with. It reconnects by itself, and `close` closes it. */
  client(): Redis
  close(): Promise<void>
}

export interface RedisSettings {
  /** Every acknowledged write survives SIGKILL. Otherwise only what `SAVE` wrote does. */
  appendOnly?: boolean
  /** As in redis.conf ('8mb'). Nothing is evicted: a full store answers OOM. */
  maxmemory?: string
  /** More directives of redis.conf: ['--min-replicas-to-write', '1']. They win over the ones given here. */
  args?: string[]
}

/** Starts a Redis (or Valkey) of its own on loopback. Throws where neither is on the PATH. */
export async function startRedis({
  appendOnly = false,
  maxmemory = '0',
  args = []
}: RedisSettings = {}): Promise<RedisHandle> {
  const place = await reservePlace()
  const directives = {
    port: String(place.port),
    bind: '127.0.0.1',
    dir: dataFolder(place),
    save: '',
    appendonly: appendOnly ? 'yes' : 'no',
    // Hands every write to the kernel before its answer and never waits for the disk: a killed process loses
    // nothing. With `everysec` a write may linger in the process while another fsync is under way.
    appendfsync: 'no',
    maxmemory,
    'maxmemory-policy': 'noeviction',
    'repl-diskless-sync-delay': '0'
  }
  return serve(place, [
    ...Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value]),
    ...args
  ])
}

/** Runs the server with nothing but these arguments: what `startRedis` and the sentinels share. */
export async function serve(place: Place, args: string[]): Promise<RedisHandle> {
  const url = `redis://127.0.0.1:${place.port}`
  const inspector = new Redis(url, {
    lazyConnect: true,
    commandTimeout: 1_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 20
  })
  inspector.on('error', () => undefined) // the commands themselves report it

  let server: StoreProcess | undefined
  const running = (): StoreProcess => {
    if (!server) throw new Error('Not started')
    return server
  }
  const start = async () => {
    await mkdir(dataFolder(place), { recursive: true })
    server = await launch(findServer(), { args, place })
    await server.ready(() => inspector.ping())
  }
  let closed: Promise<void> | undefined
  const close = async () => {
    inspector.disconnect()
    await server?.kill('SIGKILL')
    await place.remove()
  }
  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    port: place.port,
    folder: place.folder,
    url,
    get pid() {
      return running().pid
    },
    get state() {
      return running().state
    },
    kill: (signal) => running().kill(signal),
    pause: () => {
      running().pause()
    },
    resume: () => {
      running().resume()
    },
    async restart({ keepData }) {
      await running().kill('SIGKILL')
      if (!keepData) await rm(dataFolder(place), { recursive: true })
      await start()
    },
    client: () => inspector,
    close: () => (closed ??= close())
  }
}

/** What Redis persists lives apart from its configuration, so that losing the one keeps the other. */
function dataFolder(place: Place): string {
  return join(place.folder, 'data')
}

function findServer(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found = ['redis-server', 'valkey-server']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable)
  if (!found) throw new Error('The tests need redis-server or valkey-server on the PATH')
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
