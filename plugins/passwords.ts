import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import fp from 'fastify-plugin'
import PQueue from 'p-queue'
import { argon2 } from '../argon2/index.ts'
import { Problem } from '../lib/problem.ts'

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
}

export interface Passwords {
  /** @returns the PHC string of an argon2id hash */
  hash(password: string): Promise<string>
  /**
   * Does NOT tell by its time whether there was a hash to compare with.
   * @param hash PHC string, or undefined for an unknown user: then a hash is computed all the same
   */
  verify(hash: string | undefined, password: string): Promise<boolean>
  /** Whether the hash was made with other parameters than today's. */
  needsRehash(hash: string): boolean
}

// OWASP Password Storage Cheat Sheet: argon2id, m=19 MiB, t=2, p=1.
const parameters = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** Hashes that may wait: at some 40 ms each, about five seconds of work for one core. */
const queueLimit = 128

/** NFC, so that the same password typed on another keyboard is the same bytes (NIST SP 800-63B-4 §3.1.1.2). */
const normalize = (password: string) => Buffer.from(password.normalize('NFC'))

/** Decorates `fastify.passwords`. Hashing is bounded, so that a flood of logins can not slow refreshes. */
export default fp(
  async (fastify) => {
    // More hashing threads than cores cost a third of the logins a second. Workers share the cores.
    const cores = availableParallelism() / fastify.configuration.WORKERS
    const queue = new PQueue({ concurrency: Math.max(1, Math.floor(cores)) })
    const unknownUserHash = await argon2.hash(randomBytes(32), parameters)

    const bounded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      if (queue.size >= queueLimit) {
        throw new Problem('temporarily_unavailable', 'Too many people are logging in at once. Try again.', {
          retryAfter: 5
        })
      }
      return queue.add(work)
    }

    fastify.metrics.gauge('latchkey_password_hashes_running', 'Passwords being hashed', () => queue.pending)
    fastify.metrics.gauge(
      'latchkey_password_hashes_waiting',
      'Passwords that wait to be hashed',
      () => queue.size
    )

    fastify.decorate('passwords', {
      hash: (password) => bounded(() => argon2.hash(normalize(password), parameters)),
      async verify(hash, password) {
        const matches = await bounded(() => argon2.verify(hash ?? unknownUserHash, normalize(password)))
        return matches && hash !== undefined
      },
      needsRehash: (hash) => argon2.needsRehash(hash, parameters)
    })
  },
  { name: 'passwords', dependencies: ['configuration', 'metrics'] }
)
