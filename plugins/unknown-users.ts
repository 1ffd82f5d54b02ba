import { createHmac } from 'node:crypto'
import fp from 'fastify-plugin'
import { standIn } from '../lib/password-hash.ts'
import { normalizeEmail } from '../lib/user.ts'

declare module 'fastify' {
  interface FastifyInstance {
    unknownUsers: UnknownUsers
  }
}

export interface UnknownUsers {
  /**
   * What a password is checked against where there is no user, or one without a password: a hash of nobody's that
   * takes as long as those of real users. An address has always the same one; of all addresses, as many have each
   * kind as real users have.
   * @returns undefined as long as Postgres has counted none
   */
  hashFor(email: string): string | undefined
  /** Looks anew which hashes there are, as it does by itself once a minute. */
  look(): Promise<void>
}

/** Scheme and cost of some hashes, and how many of all users have it, 0 to 1. */
interface Kind {
  settings: string
  share: number
}

/** ms from one look to the next. */
const interval = 60_000

/**
 * Decorates `fastify.unknownUsers`. A hash that was imported takes longer or shorter to check than one of ours: were
 * unknown users checked in the time of ours, that would tell who was imported (OWASP ASVS 5.0 V6.3.8).
 */
export default fp(
  async (fastify) => {
    const { key } = fastify.secretKeys.for('unknown users').current
    let kinds: Kind[] = []

    const look = async () => {
      // What ANALYZE, which Postgres runs by itself, has counted in a sample: no cost, however many users there are.
      const { rows } = await fastify.pg.query<Kind>({
        name: 'kinds of password hashes',
        text: `SELECT settings, share
                 FROM pg_stats_ext_exprs,
                      unnest(most_common_vals::text::text[], most_common_freqs) AS kind (settings, share)
                WHERE schemaname = current_schema AND statistics_name = 'users_password_settings'
                ORDER BY settings`
      })
      kinds = rows
    }
    await look()
    const timer = setInterval(() => {
      look().catch((error: unknown) => {
        fastify.log.debug({ err: error }, 'kinds of password hashes are as they were last seen')
      })
    }, interval)
    timer.unref()
    fastify.addHook('onClose', async () => {
      clearInterval(timer)
    })

    fastify.decorate('unknownUsers', {
      look,
      hashFor(email) {
        const all = kinds.reduce((sum, { share }) => sum + share, 0)
        const lot = createHmac('sha256', key).update(normalizeEmail(email)).digest().readUInt32BE() / 2 ** 32
        let reached = 0
        const kind = kinds.find(({ share }) => (reached += share) > lot * all)
        return kind && standIn(kind.settings)
      }
    })
  },
  { name: 'unknown-users', dependencies: ['postgres', 'migrations', 'secret-keys'] }
)
