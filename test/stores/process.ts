import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Place } from './place.ts'
import { Hopeless, until } from './until.ts'

export interface StoreProcess {
  readonly pid: number
  readonly state: 'running' | 'paused' | 'exited'
  /** Resolves once the process is gone; a paused process is woken to take the signal. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** SIGSTOP: the sockets stay open and nothing answers. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** Resolves once `probe` answers; fails at once, with the end of the log, when the process exits instead. */
  ready(probe: () => Promise<unknown>): Promise<void>
}

export interface LaunchOptions {
  args: string[]
  place: Place
  /** The user to run as, where the store refuses to be root. */
  owner?: { uid: number; gid: number } | undefined
  /** What ends the store when the test process dies first. */
  lastSignal?: 'KILL' | 'QUIT'
}

/** Starts a store; `place` learns its process id, so that it does not outlive the test process. */
export async function launch(
  binary: string,
  { args, place, owner, lastSignal = 'KILL' }: LaunchOptions
): Promise<StoreProcess> {
  const child = spawn(binary, args, { ...owner, cwd: place.folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const name = `${basename(binary)} on port ${place.port}`
  const record = join(place.folder, 'process')
  let state: StoreProcess['state'] = 'running'
  let log = ''
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4_000)
    })
  }
  child.once('exit', () => {
    state = 'exited'
    rmSync(record, { force: true })
  })
  await once(child, 'spawn')
  const { pid } = child
  if (pid === undefined) throw new Error(`${name} did not start`)
  writeFileSync(record, `${lastSignal} ${pid}\n`)

  const explain = () => `Its log ends:\n${log}`
  const hasExited = () => state === 'exited'
  return {
    pid,
    get state() {
      return state
    },
    async kill(signal) {
      child.kill(signal)
      child.kill('SIGCONT')
      await until(`${name} to end after ${signal}`, async () => hasExited(), { explain })
    },
    pause() {
      if (child.kill('SIGSTOP')) state = 'paused'
    },
    resume() {
      if (child.kill('SIGCONT')) state = 'running'
    },
    async ready(probe) {
      const probeOrGiveUp = async () => {
        if (hasExited()) throw new Hopeless(`${name} ended while starting. ${explain()}`)
        return probe()
      }
      await until(`${name} to answer`, probeOrGiveUp, { explain })
    }
  }
}
