import { availableParallelism } from 'node:os'
import { finished } from 'node:stream'
import type { preHandlerHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import PQueue from 'p-queue'
import { argon2 } from '../argon2/index.ts'
import { isForeignPassword } from '../lib/foreign-password.ts'
import { isArgon2, readForeignHash, standIn } from '../lib/password-hash.ts'

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
}

export interface Passwords {
  /**
   * `preHandler` hook of routes that hash: lets in as many as may wait for a hash, and refuses the others before
   * a store is asked. After the body is read, as slow bodies would else keep everybody out.
   */
  admit: preHandlerHookHandler
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
 * ms that a refusal is held back, more or less: who asks again at once, whatever Retry-After says, would else
 * keep the server busy with refusals, and refreshes waiting.
 */
const holdBack = 1000

/** Refusals that are held back at the same time. */
const heldLimit = 1000

export interface PasswordsOptions {
  /**
   * ms that a hash waits for its turn. Who waits for longer has likely gone, and would only keep others waiting.
   * Default: 5000
   */
  queueDeadline?: number
}

/** What libuv runs by itself (https://docs.libuv.org/en/v1.x/threadpool.html); one is left to DNS and files. */
const threads = (Number(process.env['UV_THREADPOOL_SIZE']) || 4) - 1

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
    const queue = new PQueue({ concurrency: Math.max(1, Math.min(cores, threads)) })

    const busy = (reason: 'queue_full' | 'queue_deadline') =>
      fastify.shed(
        reason,
        'Too many people are logging in at once. Try again.',
        Math.ceil(queueDeadline / 1000)
      )
    let admitted = 0
    let held = 0

    const inTurn = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      const signal = AbortSignal.timeout(queueDeadline)
      return queue.add(work, { signal }).catch((error: unknown) => {
        throw error === signal.reason ? busy('queue_deadline') : error
      })
    }

    fastify.metrics.gauge('latchkey_password_hashes_running', 'Passwords being hashed', () => queue.pending)
    fastify.metrics.gauge(
      'latchkey_password_hashes_waiting',
      'Passwords that wait to be hashed',
      () => queue.size
    )

    fastify.decorate('passwords', {
      admit(_request, reply, done) {
        if (admitted < admittedLimit) {
          admitted += 1
          finished(reply.raw, () => {
            admitted -= 1
          })
          done()
        } else if (held < heldLimit) {
          held += 1
          setTimeout(
            () => {
              held -= 1
              done(busy('queue_full'))
            },
            holdBack * (0.5 + Math.random())
          )
        } else done(busy('queue_full'))
      },
      hash: (password) => inTurn(() => argon2.hash(normalize(password), parameters)),
      async verify(hash, password) {
        const matches = await inTurn(() => isPassword(hash ?? unknownUserHash, password))
        return matches && hash !== undefined
      },
      needsRehash: (hash) => !hash.startsWith('$argon2id$') || argon2.needsRehash(hash, parameters)
    })
  },
  { name: 'passwords', dependencies: ['configuration', 'metrics', 'load-shedding'] }
)
