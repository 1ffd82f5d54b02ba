import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import PQueue from 'p-queue'
import { argon2 } from '../argon2/index.ts'
import { isForeignPassword } from '../lib/foreign-password.ts'
import { isArgon2, readForeignHash, standIn } from '../lib/password-hash.ts'
import { Problem } from '../lib/problem.ts'
import { poolSize } from '../lib/thread-pool.ts'

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
}

export interface Passwords {
  /**
   * Does work that hashes, for as many requests as may wait for a hash, and refuses the others before a store is asked.
   * Not before a body is read, as slow bodies would else keep everybody out. The work gives the data of the answer, not
   * the reply: that would be over only once it has left, which behind an endless answer on the same connection it
   * never does.
   * @throws Problem temporarily_unavailable
   */
  admit: <Result>(work: () => Promise<Result>) => Promise<Result>
  /**
   * Does work within it for which anybody may ask: a few at a time. What waits for anything but a store or a hash is to
   * be done before. Nothing is done for whose connection has closed by then.
   * @throws Problem temporarily_unavailable where its turn does not come in time
   */
  takeTurn: <Result>(request: FastifyRequest, work: () => Promise<Result>) => Promise<Result>
  /** @returns the PHC string of an argon2id hash */
  hash(password: string): Promise<string>
  /**
   * Does NOT tell by its time whether there was a hash to compare with.
   * @param hash PHC string or one of bcrypt, or undefined for an unknown user: then a hash is computed all the same
   */
  verify(hash: string | undefined, password: string): Promise<boolean>
  /** Whether the hash was made otherwise than today's. */
  needsRehash(hash: string): boolean
}

// OWASP Password Storage Cheat Sheet: argon2id, m=19 MiB, t=2, p=1.
const parameters = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

const { memoryCost, timeCost, parallelism } = parameters
/** Nobody's password has it, and it takes as long to check. */
const unknownUserHash = standIn(
  `$argon2id$v=19$m=${String(memoryCost)},t=${String(timeCost)},p=${String(parallelism)}$`
)

/** Requests that are let in. With more there is no hope of a hash within the deadline on a machine of two cores. */
const admittedLimit = 128

/**
 * Requests that are worked on for each hash at a time: one is hashed, the others ask the stores before it or after.
 * With all that are let in, each of them asked at once, and refreshes stood behind them.
 */
const requestsPerHash = 3

/**
 * ms that a refusal is held back, more or less: who asks again at once, whatever Retry-After says, would else
 * keep the server busy with refusals, and refreshes waiting.
 */
const holdBack = 1000

/** Refusals that are held back at the same time. */
const heldLimit = 1000

export interface PasswordsOptions {
  /**
   * ms that a request waits for its turn, and that a hash waits for its own. Who waits for longer has likely gone, and
   * would only keep others waiting.
   * Default: 5000
   */
  queueDeadline?: number
}

/** Those that may hash: one is left to DNS and files. */
const threads = poolSize - 1

/** NFC, so that the same password typed on another keyboard is the same bytes (NIST SP 800-63B-4 §3.1.1.2). */
const normalize = (password: string) => password.normalize('NFC')

async function isPassword(hash: string, password: string): Promise<boolean> {
  // Where it was hashed before it came to us, it may have been as it was typed.
  for (const spelling of new Set([normalize(password), password])) {
    const bytes = Buffer.from(spelling)
    const matches = isArgon2(hash)
      ? await argon2.verify(hash, bytes)
      : await isForeignPassword(readForeignHash(hash), bytes)
    if (matches) return true
  }
  return false
}

/** Decorates `fastify.passwords`. Hashing is bounded, so that a flood of logins can not slow refreshes. */
export default fp<PasswordsOptions>(
  async (fastify, { queueDeadline = 5000 }) => {
    // More hashing threads than cores cost a third of the logins a second. Workers share the cores.
    const cores = Math.floor(availableParallelism() / fastify.configuration.WORKERS)
    const hashes = Math.max(1, Math.min(cores, threads))
    const hashing = new PQueue({ concurrency: hashes })
    const turns = new PQueue({ concurrency: hashes * requestsPerHash })
    let admitted = 0
    let held = 0

    const busy = (reason: 'queue_full' | 'queue_deadline') =>
      fastify.shed(
        reason,
        'Too many people are logging in at once. Try again.',
        Math.ceil(queueDeadline / 1000)
      )

    const inTime = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      const signal = AbortSignal.timeout(queueDeadline)
      return hashing.add(work, { signal }).catch((error: unknown) => {
        throw error === signal.reason ? busy('queue_deadline') : error
      })
    }

    fastify.metrics.gauge('latchkey_password_hashes_running', 'Passwords being hashed', () => hashing.pending)
    fastify.metrics.gauge(
      'latchkey_password_hashes_waiting',
      'Requests that wait for their turn to hash a password, and passwords that wait for a thread',
      () => turns.size + hashing.size
    )

    /** @returns what ends the turn */
    const turnOf = ({ raw: { socket } }: FastifyRequest) =>
      new Promise<() => void>((resolve, reject) => {
        let waits = true
        const deadline = setTimeout(() => {
          waits = false
          reject(busy('queue_deadline'))
        }, queueDeadline)
        const turn = (over: () => void) => {
          clearTimeout(deadline)
          if (waits && !socket.destroyed) {
            resolve(over)
            return
          }
          over()
          reject(new Problem('temporarily_unavailable', 'The connection was closed. Nothing was done.'))
        }
        void turns.add(() => new Promise<void>(turn))
      })

    fastify.decorate('passwords', {
      async admit(work) {
        if (admitted >= admittedLimit) {
          if (held < heldLimit) {
            held += 1
            await sleep(holdBack * (0.5 + Math.random()))
            held -= 1
          }
          throw busy('queue_full')
        }
        admitted += 1
        try {
          return await work()
        } finally {
          admitted -= 1
        }
      },
      async takeTurn(request, work) {
        const over = await turnOf(request)
        try {
          return await work()
        } finally {
          over()
        }
      },
      hash: (password) => inTime(() => argon2.hash(normalize(password), parameters)),
      async verify(hash, password) {
        const matches = await inTime(() => isPassword(hash ?? unknownUserHash, password))
        return matches && hash !== undefined
      },
      needsRehash: (hash) => !hash.startsWith('$argon2id$') || argon2.needsRehash(hash, parameters)
    })
  },
  { name: 'passwords', dependencies: ['configuration', 'metrics', 'load-shedding'] }
)
