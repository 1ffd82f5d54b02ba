import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import type { DataFolder } from './data-folder.ts'
import { startPrivateServer } from './private-server.ts'

export interface EmbeddedRedisServer {
  addresses: { redisUrl: string }
  description: string
  stop: () => Promise<void>
}

/** What a socket's address holds on the strictest system, macOS, is 104 bytes, with the closing zero. */
const longestSocketPath = 100

/** The first of redis-server and valkey-server on the PATH. */
export function findRedisServer(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return ['redis-server', 'valkey-server']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * A redis-server or valkey-server of our own in `<folder>/redis`, on a Unix socket that only our user can
 * open. It appends what it acknowledged to a file, and syncs that every second.
 */
export async function startEmbeddedRedis(folder: DataFolder): Promise<EmbeddedRedisServer> {
  const program = findRedisServer()
  if (!program) {
    throw new Error(
      'Neither redis-server nor valkey-server is on the PATH: install one, choose the in-process kind ' +
        '(EMBEDDED_REDIS=memory), or set REDIS_URL to use a server of your own'
    )
  }
  const data = join(folder.path, 'redis')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const name = basename(program)

  const nearby = join(data, 'redis.sock')
  const elsewhere =
    Buffer.byteLength(nearby) > longestSocketPath ? mkdtempSync(join(tmpdir(), 'latchkey-')) : undefined
  const socket = elsewhere ? join(elsewhere, 'redis.sock') : nearby
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: data,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    // Entries of sessions that were replayed stay in their compact form (docs/sizing.md).
    'hash-max-listpack-value': '1024',
    daemonize: 'no',
    logfile: ''
  }
  const forgetSocket = () => {
    if (elsewhere) rmSync(elsewhere, { recursive: true, force: true })
  }
  try {
    const server = await startPrivateServer(
      {
        name,
        program,
        args: Object.entries(settings).flatMap(([setting, value]) => [`--${setting}`, value]),
        workingFolder: data,
        // Not SIGINT: a second one, as when two processes end it at once, would cut its shutdown short.
        stopSignal: 'SIGTERM'
      },
      folder
    )
    return {
      addresses: { redisUrl: `unix://${socket}` },
      description: `Redis (${name}) in ${data}, on the private socket ${socket}`,
      async stop() {
        await server.stop()
        forgetSocket()
      }
    }
  } catch (error) {
    forgetSocket()
    throw error
  }
}
