import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { DataFolder } from './data-folder.ts'
import { end } from './process-identity.ts'

export interface PrivateServerOptions {
  name: string
  program: string
  args: string[]
  /** The folder it works in, entered before the change of user. */
  workingFolder: string
  /** The user to run as, where it is not ours. */
  user?: { uid: number; gid: number } | undefined
  /** What asks it to end at once and in order. */
  stopSignal: 'SIGINT' | 'SIGTERM'
}

export interface PrivateServer {
  readonly stop: () => Promise<void>
}

/**
 * Becomes the server, and leaves a tiny process behind that waits for the end of our pipe and then asks the
 * server to end: however we die, by SIGKILL and in this very moment too, the server follows us, and in good order.
 */
const leashed = '( ( read -r word || kill -s "$0" "$$" ) <&3 >/dev/null 2>&1 & ); exec "$@" 3<&-'

/**
 * Starts a server in a session of its own, so that Ctrl-C at the terminal, which goes to our whole process
 * group, leaves it alone until `stop`: requests in flight still need it.
 * It neither keeps our process alive nor outlives it. Should it end by itself, a process warning says so.
 * @param readyWithin ms, recovery after a crash included
 * @throws with the end of its output where it does not come up
 */
export async function startPrivateServer(
  { name, program, args, workingFolder, user, stopSignal }: PrivateServerOptions,
  folder: DataFolder,
  readyWithin = 60_000
): Promise<PrivateServer> {
  const server = spawn('/bin/sh', ['-c', leashed, stopSignal.slice('SIG'.length), program, ...args], {
    ...user,
    cwd: workingFolder,
    detached: true,
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe']
  })
  if (server.pid === undefined) {
    const [cause] = (await once(server, 'error')) as [Error]
    throw new Error(`${name} did not start: ${cause.message}`, { cause })
  }
  folder.record(server.pid, stopSignal)
  const leash = server.stdio[3] as Socket
  // Where the leash was killed, which is when the next owner of the folder has to end the server.
  leash.on('error', () => undefined).resume()
  server.once('exit', () => leash.end('ended\n'))

  let output = ''
  const whenReady = new Promise<void>((resolve) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-4_000)
        // PostgreSQL, Redis and Valkey say it in the same words.
        if (/ready to accept connections/i.test(output)) resolve()
      })
    }
  })

  let ended = false
  // The last of its pipes to close is the leash's: then both are gone.
  const whenEnded = once(server, 'close').then(([code, signal]) => {
    ended = true
    return `it ended with ${signal ? String(signal) : `code ${String(code)}`}`
  })

  let stopping = false
  const stop = () => {
    stopping = true
    return end(
      stopSignal,
      (signal) => server.kill(signal),
      () => ended
    )
  }

  const whenLate = setTimeout(readyWithin, `it was not ready within ${readyWithin} ms`, { ref: false })
  const problem = await Promise.race([whenReady, whenEnded, whenLate])
  if (problem) {
    await stop()
    throw new Error(`${name} did not start: ${problem}. Its last words:\n${output}`)
  }
  void whenEnded.then((how) => {
    if (!stopping) process.emitWarning(`${name} is gone: ${how}. Its last words:\n${output}`)
  })
  server.unref()
  for (const stream of [server.stdout, server.stderr, leash]) if (stream instanceof Socket) stream.unref()
  return { stop }
}
