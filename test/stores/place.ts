import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A loopback port and a temporary folder that nobody else has. */
export interface Place {
  readonly port: number
  readonly folder: string
  /** Ends the reservation and deletes the folder. Stop what lives there first. */
  remove(): Promise<void>
}

// Below the ephemeral ports of Linux and macOS: while a killed store is away, no outgoing connection can be
// given its port. A cluster node also listens on its port + 10,000.
const lowestPort = 11_000
const ports = 10_000
const clusterBusOffset = 10_000

// Waits for its input to end. It ends with the word of `remove`, or without it when the test process died,
// however it died: then the store is killed and its folder deleted. An `exit` hook would miss SIGKILL.
const guardScript = `
read -r word && exit
if read -r signal pid < "$0/process"; then kill "-$signal" "$pid"; kill -CONT "$pid"; fi
until rm -rf "$0"; do sleep 0.1; done
`

/** The folder carries the port in its name, so making it reserves the port among all test processes. */
export async function reservePlace(): Promise<Place> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = lowestPort + Math.floor(Math.random() * ports)
    const folder = join(tmpdir(), `latchkey-store-${port}`)
    if (!(await makeFolder(folder))) continue
    if ((await isFree(port)) && (await isFree(port + clusterBusOffset))) return guard(port, folder)
    await rm(folder, { recursive: true })
  }
  throw new Error('No free port found')
}

function guard(port: number, folder: string): Place {
  const watcher = spawn('/bin/sh', ['-c', guardScript, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore']
  })
  const gone = once(watcher, 'exit')
  return {
    port,
    folder,
    async remove() {
      watcher.stdin.end('removed\n')
      await gone
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
