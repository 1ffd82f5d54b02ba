import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { batchedLookup } from '../lib/batched-lookup.ts'
import { clientCredentials, invalidClient } from '../lib/client-credentials.ts'
import { digest } from '../lib/digest.ts'
import { createWriteBehind } from '../lib/write-behind.ts'

declare module 'fastify' {
  interface FastifyInstance {
    oauthClients: OauthClients
  }
}

/** A service that may introspect and revoke tokens. */
export interface OauthClient {
  id: string
  name: string
  created_at: Date
  /** To the minute. */
  last_used_at: Date | null
}

export interface OauthClients {
  /** @returns the new client and its secret, which nobody can read again */
  create(name: string): Promise<{ id: string; secret: string }>
  list(): Promise<OauthClient[]>
  /** @returns whether there was one */
  remove(id: string): Promise<boolean>
  /**
   * Checks the credentials of a request, where it shows any (RFC 6749 §2.3). A public client shows none. To be
   * called before validation, so that nobody learns what is asked for here who may not ask.
   * @returns whether it is a client that we know
   * @throws Problem invalid_client where they are wrong
   */
  authenticate(request: FastifyRequest): Promise<boolean>
}

/** Clients whose last use is kept in memory while Postgres is away. */
const limit = 10_000

const isUuid = (text: string) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(text)

/** Decorates `fastify.oauthClients`: the table `oauth_clients`. */
export default fp(
  async (fastify) => {
    const secretHashOf = batchedLookup<string>(async (ids) => {
      const { rows } = await fastify.pg.query<{ id: string; secret_hash: string }>({
        name: 'oauth clients by id',
        text: 'SELECT id, secret_hash FROM oauth_clients WHERE id = ANY($1)',
        values: [ids]
      })
      return new Map(rows.map(({ id, secret_hash }) => [id, secret_hash]))
    })

    const used = createWriteBehind<string>({
      limit,
      async write(ids) {
        await fastify.pg.query({
          name: 'oauth clients were used',
          text: `UPDATE oauth_clients SET last_used_at = now()
                  WHERE id = ANY($1) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
          values: [ids]
        })
      },
      onChange({ error, ...state }) {
        fastify.log.warn({ err: error, ...state }, 'last use of OAuth clients to Postgres')
      }
    })
    fastify.addHook('onClose', () => used.close())

    fastify.decorate('oauthClients', {
      async create(name) {
        const id = uuidv7()
        const secret = randomBytes(32).toString('base64url')
        // OWASP ASVS 5.0 V11.4: 256 random bits need no slow hash, there is nothing to guess.
        await fastify.pg.query('INSERT INTO oauth_clients (id, name, secret_hash) VALUES ($1, $2, $3)', [
          id,
          name,
          digest(secret)
        ])
        return { id, secret }
      },

      async list() {
        const { rows } = await fastify.pg.query<OauthClient>(
          'SELECT id, name, created_at, last_used_at FROM oauth_clients ORDER BY id'
        )
        return rows
      },

      async remove(id) {
        if (!isUuid(id)) return false
        const { rowCount } = await fastify.pg.query('DELETE FROM oauth_clients WHERE id = $1', [id])
        return rowCount === 1
      },

      async authenticate({ headers, body }) {
        const shown = clientCredentials(headers.authorization, parametersOf(body))
        if (!shown) return false
        const secret_hash = isUuid(shown.id) ? await secretHashOf(shown.id) : undefined
        if (secret_hash === undefined || !isEqual(digest(shown.secret), secret_hash))
          throw invalidClient('There is no client with this client_id and client_secret.')
        used.note(shown.id, shown.id)
        return true
      }
    })
  },
  { name: 'oauth-clients', dependencies: ['postgres', 'migrations'] }
)

/** What stands there once; anything else is left to validation. */
function parametersOf(body: unknown): { client_id: string; client_secret: string } {
  const form = (body ?? {}) as Record<string, unknown>
  const text = (name: string) => (typeof form[name] === 'string' ? form[name] : '')
  return { client_id: text('client_id'), client_secret: text('client_secret') }
}

/** Of digests, which have one length. Tells nothing by its time. */
const isEqual = (one: string, other: string) => timingSafeEqual(Buffer.from(one), Buffer.from(other))
