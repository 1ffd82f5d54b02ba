import { readlink } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'
import { basename } from 'node:path'
import { poolSize } from '../lib/thread-pool.ts'

/** Nicer by this, a thread gets about a tenth of the CPU time of one beside it where both want a core. */
const step = 10
const nicest = 19

/** At once, so that there is one left for a thread that takes its time to wake. */
const questions = 4 * poolSize

/** ms that it may take until every thread has answered one; a few are what it takes. */
const patience = 1000

/** The thread of the pool that answers this. Linux (proc(5), /proc/thread-self). */
const threadOfThePool = async () => Number(basename(await readlink('/proc/thread-self')))

/**
 * Lets the thread that answers requests, and the stores on this machine, go before the threads that hash passwords:
 * those of libuv's pool, which also read files and look names up. Does NOT change the number of hashes a second where
 * nobody else wants the cores.
 * @returns how many threads it is now so for: none where threads have no priorities of their own (they are Linux's)
 */
export async function lowerPoolPriority(): Promise<number> {
  const threads = new Set<number>()
  try {
    const deadline = performance.now() + patience
    while (threads.size < poolSize && performance.now() < deadline)
      for (const thread of await Promise.all(Array.from({ length: questions }, threadOfThePool)))
        threads.add(thread)
    const niceness = Math.min(nicest, getPriority() + step)
    for (const thread of threads) setPriority(thread, niceness)
    return threads.size
  } catch {
    return 0
  }
}
