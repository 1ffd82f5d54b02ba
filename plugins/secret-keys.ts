import { hkdfSync } from 'node:crypto'
import fp from 'fastify-plugin'
import type { SecretKey } from '../lib/secret-key.ts'

declare module 'fastify' {
  interface FastifyInstance {
    secretKeys: SecretKeys
  }
}

type Purpose = 'refresh token' | 'signing key encryption' | 'unknown users' | 'mail'

export interface SecretKeys {
  /** The key that signs or encrypts now, and all that may still be read (the first among them). */
  for(purpose: Purpose): { current: SecretKey; accepted: ReadonlyMap<string, SecretKey> }
}

function derive(secret: string, info: string, length: number): Buffer {
  // RFC 5869: one secret, a separate key for each purpose, none of which tells another.
  return Buffer.from(hkdfSync('sha256', secret, 'latchkey', info, length))
}

/** Decorates `fastify.secretKeys`: the keys that `SECRET_KEY` stands for, one for each purpose. */
export default fp(
  async (fastify) => {
    const secrets = fastify.configuration.SECRET_KEY
    fastify.decorate('secretKeys', {
      for(purpose) {
        const keys = secrets.map((secret) => ({
          kid: derive(secret, `${purpose} id`, 9).toString('base64url'),
          key: derive(secret, purpose, 32)
        }))
        const [current] = keys
        if (!current) throw new Error('SECRET_KEY is missing')
        return { current, accepted: new Map(keys.map((key) => [key.kid, key])) }
      }
    })
  },
  { name: 'secret-keys', dependencies: ['configuration'] }
)
