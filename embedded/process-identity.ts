import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/**
 * Tells a process from a later one that was given the same number, which in a container is the rule:
 * when it was started, and in which boot of the machine. Undefined where it is gone or a zombie.
 */
export function identify(pid: number): string | undefined {
  return existsSync('/proc/self/stat') ? identifyByProc(pid) : identifyByPs(pid)
}

function identifyByProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field, the name, may itself hold spaces and brackets: count from its end. See proc(5).
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return 'ZX'.includes(state) ? undefined : `${bootIdentity()} ${fields[18]}`
  } catch {
    return undefined
  }
}

/** Empty on a kernel that has none, such as a sandbox's. */
function bootIdentity(): string {
  const file = '/proc/sys/kernel/random/boot_id'
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
}

export function identifyByPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', `${pid}`], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
  })
  const [state = 'Z', ...started] = stdout.trim().split(/\s+/)
  return state === '' || state.startsWith('Z') ? undefined : started.join(' ')
}

/** A server as it is remembered on disk, for whoever finds it orphaned. */
export interface ServerRecord {
  pid: number
  identity: string | undefined
  stopSignal: NodeJS.Signals
}

/** Ends a process that an earlier run left behind; does nothing where its number is someone else's by now. */
export async function endOrphan({ pid, identity, stopSignal }: ServerRecord): Promise<void> {
  const isGone = () => identity === undefined || identify(pid) !== identity
  await end(stopSignal, (signal) => process.kill(pid, signal), isGone)
}

/**
 * Signals until `isGone`: first the server's own graceful signal, then, should it hang, SIGQUIT and SIGKILL.
 * Both stores survive either: what they acknowledged is in the WAL or the append-only file.
 * @param patience ms for each signal
 */
export async function end(
  stopSignal: NodeJS.Signals,
  kill: (signal: NodeJS.Signals) => unknown,
  isGone: () => boolean,
  patience = 10_000
): Promise<void> {
  for (const signal of [stopSignal, 'SIGQUIT', 'SIGKILL'] as const) {
    if (isGone()) return
    try {
      kill(signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    const deadline = performance.now() + patience
    while (performance.now() < deadline) {
      if (isGone()) return
      await setTimeout(10)
    }
  }
  throw new Error('An embedded store does not end, not even on SIGKILL')
}
