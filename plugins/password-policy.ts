import { hash } from 'node:crypto'
import fp from 'fastify-plugin'
import { reasonAgainst } from '../lib/password-blocklist.ts'
import { Problem } from '../lib/problem.ts'

declare module 'fastify' {
  interface FastifyInstance {
    passwordPolicy: PasswordPolicy
  }
}

export interface PasswordPolicy {
  /**
   * Whether a password may be chosen. Does NOT check the one that is being replaced.
   * @param path of the field, in the body
   * @throws Problem password_unacceptable, with the reason
   */
  check(password: string, path: string, user: { email: string; name: string | null }): Promise<void>
}

/** Where breached passwords are asked for, and for how long, ms, somebody who signs up waits for the answer. */
const range = 'https://api.pwnedpasswords.com/range/'
const deadline = 1500

/** Decorates `fastify.passwordPolicy`: NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 5.0 V6.2. No rules of composition. */
export default fp(
  async (fastify) => {
    const { PASSWORD_MIN_LENGTH: minimum, PUBLIC_URL, HIBP } = fastify.configuration
    const host = new URL(PUBLIC_URL).hostname
    const service = ['latchkey', host, ...host.split('.')]
    const ranges = HIBP === 'true' ? range : HIBP

    /**
     * By k-anonymity: five hex digits of a SHA-1 leave us, which hundreds of breached passwords share, and the
     * answer is padded. Who is not answered in time is let through: signing up must not hang on another service.
     */
    const isBreached = async (password: string) => {
      const digest = hash('sha1', password, 'hex').toUpperCase()
      try {
        const response = await fetch(new URL(digest.slice(0, 5), ranges), {
          headers: { 'add-padding': 'true', 'user-agent': 'latchkey' },
          redirect: 'error',
          signal: AbortSignal.timeout(deadline)
        })
        if (!response.ok) throw new Error(`it answered ${String(response.status)}`)
        const suffix = digest.slice(5)
        return (await response.text())
          .split(/\r?\n/)
          .some((line) => line.startsWith(`${suffix}:`) && !line.endsWith(':0'))
      } catch (error) {
        fastify.log.warn({ err: error }, 'whether a password was breached could not be asked')
        return false
      }
    }

    const refuse = (path: string, reason: string) =>
      new Problem('password_unacceptable', `The password ${reason}. Choose another one.`, {
        errors: [{ path, message: reason }]
      })

    fastify.decorate('passwordPolicy', {
      async check(password, path, { email, name }) {
        // Composed as it is hashed: the schema has counted what was typed.
        const composed = password.normalize('NFC')
        if ([...composed].length < minimum) throw refuse(path, `has fewer than ${String(minimum)} characters`)
        const reason = reasonAgainst(composed, { service, email, name })
        if (reason !== undefined) throw refuse(path, reason)
        if (ranges !== 'false' && (await isBreached(composed)))
          throw refuse(path, 'is known from a breach of another site')
      }
    })
  },
  { name: 'password-policy', dependencies: ['configuration'] }
)
