import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import type { Test } from 'tap'
import type { EmbeddedStores, EmbeddedStoresOptions } from '../../embedded/index.ts'
import { compiled } from '../compiled.ts'

/** A folder of this test's own, removed after it. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'latchkey-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  return folder
}

/** The processes that work in a folder or were told of it, zombies aside: `pid command`. */
export function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        const place = readlinkSync(`/proc/${pid}/cwd`)
        return place.startsWith(folder) || command.includes(folder) ? [`${pid} ${command}`] : []
      } catch {
        return []
      }
    })
}

/** Resolves once nothing runs in the folder. */
export async function untilNothingRunsIn(folder: string): Promise<void> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const processes = processesIn(folder)
    if (processes.length === 0) return
    if (performance.now() > deadline) throw new Error(`Still running: ${processes.join('; ')}`)
    await setTimeout(10)
  }
}

export async function query(stores: Pick<EmbeddedStores, 'databaseUrl'>, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: stores.databaseUrl })
  await client.connect()
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

export interface StoresProcess {
  child: ChildProcess & { pid: number }
  /** The next line that it prints. */
  line(): Promise<string>
  ended: Promise<unknown[]>
}

export interface StoresProcessOptions extends EmbeddedStoresOptions {
  /** What it does when the stores are up: wait for signals, or throw. Or it dies in the moment it starts one. */
  then?: 'wait' | 'throw' | 'die'
}

/** A process of its own, in a process group of its own, that starts embedded stores: see stores-process.ts. */
export function startStoresProcess(
  options: StoresProcessOptions,
  { room = compiled('embedded'), user = {} }: { room?: string; user?: { uid?: number; gid?: number } } = {}
): StoresProcess {
  const embedded = pathToFileURL(join(room, 'index.js')).href
  const args = [compiled('test/embedded/stores-process.ts'), embedded, JSON.stringify(options)]
  const child = spawn(process.execPath, args, {
    ...user,
    detached: true,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const { pid } = child
  if (pid === undefined) throw new Error('Node did not start')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  return {
    child: Object.assign(child, { pid }),
    async line() {
      const next = await lines.next()
      if (next.done) throw new Error(`The process ended: ${errors}`)
      return next.value
    },
    ended: once(child, 'close').then((how: unknown[]) => [...how, errors])
  }
}
