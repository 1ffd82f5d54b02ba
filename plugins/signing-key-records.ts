import fp from 'fastify-plugin'
import type { PoolClient } from 'pg'
import { decryptJwe, encryptJwe, isEncryptedUnder } from '../lib/jwe.ts'
import {
  makeSigningKey,
  signingKeyState,
  type PublicJwk,
  type SigningKeyLife,
  type SigningKeyState
} from '../lib/signing-key.ts'
import { maximumAccessTokenTtl } from '../schemas/configuration.ts'
import { jwksMaxAge } from '../schemas/well-known.ts'

declare module 'fastify' {
  interface FastifyInstance {
    signingKeyRecords: SigningKeyRecords
  }
}

/** A signing key as Postgres has it. Times in ms by the clock of Postgres. */
export interface SigningKeyRecord extends SigningKeyLife {
  kid: string
  public_jwk: PublicJwk
  /** JWE under a key of `SECRET_KEY`; null once the key is over or revoked. */
  encrypted_private_jwk: string | null
  created_at: number
  state: SigningKeyState
}

export interface SigningKeyRecords {
  /** The keys whose tokens are accepted, the newest first, and the time by the clock of Postgres in ms. */
  live(): Promise<{ keys: SigningKeyRecord[]; now: number }>
  /** Every key that ever was, the newest first. */
  list(): Promise<SigningKeyRecord[]>
  /** @returns JSON of the private JWK. @throws where `SECRET_KEY` is not the one that it was encrypted under */
  readPrivateJwk(key: SigningKeyRecord): Promise<Uint8Array>
  /** Sees to it that a key signs, and that what may sign is encrypted under the first `SECRET_KEY`. */
  prepare(): Promise<void>
  /** Whether the schedule wants a new key by now. */
  isDue(keys: readonly SigningKeyRecord[], now: number): boolean
  /**
   * Publishes a new key, which signs once every cached JWKS has it. Where one is published already, that is
   * the next one and nothing changes. However many nodes ask at once, one key is made.
   * @param onlyIfDue nothing changes either before the schedule wants it
   * @returns the key that signs next, or now
   */
  rotate(onlyIfDue?: boolean): Promise<{ key: SigningKeyRecord; rotated: boolean }>
  /**
   * Ends keys at once, tokens and all; where none is left that signs, another one does from now on.
   * @returns the `kid`s that it ended
   */
  revoke(kids: readonly string[]): Promise<string[]>
  /** Erases the private halves of keys that are over. @returns how many */
  erase(): Promise<number>
}

/** Seconds from publication to the first signature: whatever cached the JWKS before every node had it is stale. */
const publicationLead = jwksMaxAge + 30

/** Seconds that a retired key is kept: the last token of the node that was the last to notice has expired. */
const retention = maximumAccessTokenTtl + 60

/** Decorates `fastify.signingKeyRecords`: the table `signing_keys`, written by one node at a time. */
export default fp(
  async (fastify) => {
    const rotation = fastify.configuration.SIGNING_KEY_ROTATION
    const encryption = fastify.secretKeys.for('signing key encryption')

    const select = async (client: Pick<PoolClient, 'query'>, where: string, values: unknown[] = []) => {
      const { rows } = await client.query<SigningKeyRow>(
        `SELECT kid, public_jwk, encrypted_private_jwk, created_at, activates_at, retires_at, revoked_at,
                clock_timestamp() AS asked_at
           FROM signing_keys WHERE ${where} ORDER BY activates_at DESC, created_at DESC`,
        values
      )
      return { keys: rows.map(toRecord), now: (rows[0]?.asked_at ?? new Date()).getTime() }
    }
    /** Those whose tokens are accepted. */
    const live = (client: Pick<PoolClient, 'query'>) =>
      select(
        client,
        `revoked_at IS NULL
         AND (retires_at IS NULL OR retires_at > clock_timestamp() - make_interval(secs => $1))`,
        [retention]
      )
    /** Those that sign, now or soon. */
    const signing = (client: PoolClient) =>
      select(client, 'revoked_at IS NULL AND (retires_at IS NULL OR retires_at > clock_timestamp())')

    /** However many nodes are at it, they come one after the other. */
    const alone = <Result>(work: (client: PoolClient) => Promise<Result>) =>
      fastify.pg.transact(async (client) => {
        await client.query("SELECT pg_advisory_xact_lock(hashtext('latchkey signing keys'))")
        return work(client)
      })

    const insert = async (client: PoolClient, lead: number) => {
      const { kid, public_jwk, private_jwk } = await makeSigningKey()
      await client.query(
        `INSERT INTO signing_keys (kid, public_jwk, encrypted_private_jwk, activates_at)
         VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))`,
        [kid, public_jwk, await encryptJwe(private_jwk, encryption.current), lead]
      )
    }

    /** One key signs now, and the newest goes on until it has a successor. */
    const repair = async (client: PoolClient) => {
      const { keys } = await signing(client)
      const [newest] = keys
      if (!newest) return insert(client, 0)
      if (!keys.some(({ state }) => state === 'active'))
        await client.query('UPDATE signing_keys SET activates_at = clock_timestamp() WHERE kid = $1', [
          keys.at(-1)?.kid
        ])
      if (newest.retires_at !== null)
        await client.query('UPDATE signing_keys SET retires_at = NULL WHERE kid = $1', [newest.kid])
    }

    const readPrivateJwk: SigningKeyRecords['readPrivateJwk'] = async ({ kid, encrypted_private_jwk }) => {
      try {
        return await decryptJwe(encrypted_private_jwk ?? '', encryption.accepted)
      } catch (cause) {
        throw new Error(
          `The signing key ${kid} in Postgres can't be read with this SECRET_KEY. ` +
            'Start with the SECRET_KEY that this database was made with, or add it to the list (SECRET_KEY=new,old).',
          { cause }
        )
      }
    }

    const isDue: SigningKeyRecords['isDue'] = ([newest], now) =>
      rotation > 0 && newest !== undefined && newest.activates_at + (rotation - publicationLead) * 1000 <= now

    fastify.decorate('signingKeyRecords', {
      live: () => live(fastify.pg),
      list: async () => (await select(fastify.pg, 'true')).keys,
      readPrivateJwk,
      isDue,

      prepare: () =>
        alone(async (client) => {
          await repair(client)
          const { keys } = await signing(client)
          for (const key of keys) {
            const private_jwk = await readPrivateJwk(key)
            if (isEncryptedUnder(key.encrypted_private_jwk ?? '', encryption.current)) continue
            // SECRET_KEY is being exchanged: the old one must be able to go.
            await client.query('UPDATE signing_keys SET encrypted_private_jwk = $2 WHERE kid = $1', [
              key.kid,
              await encryptJwe(private_jwk, encryption.current)
            ])
          }
        }),

      rotate: (onlyIfDue = false) =>
        alone(async (client) => {
          await repair(client)
          const { keys, now } = await live(client)
          const [newest] = keys
          if (!newest) throw new Error('there is no signing key')
          if (newest.state === 'published' || (onlyIfDue && !isDue(keys, now)))
            return { key: newest, rotated: false }
          await insert(client, publicationLead)
          const [made] = (await live(client)).keys
          if (!made) throw new Error('no signing key was made')
          await client.query(
            `UPDATE signing_keys SET retires_at = (SELECT activates_at FROM signing_keys WHERE kid = $2)
              WHERE kid = $1`,
            [newest.kid, made.kid]
          )
          fastify.log.info(
            { kid: made.kid, activates_at: new Date(made.activates_at) },
            'a new signing key is published'
          )
          return { key: made, rotated: true }
        }),

      revoke: (kids) =>
        alone(async (client) => {
          const { rows } = await client.query<{ kid: string }>(
            `UPDATE signing_keys SET revoked_at = clock_timestamp(), encrypted_private_jwk = NULL
              WHERE kid = ANY($1) AND revoked_at IS NULL RETURNING kid`,
            [kids]
          )
          await repair(client)
          const revoked = rows.map(({ kid }) => kid)
          if (revoked.length > 0) fastify.log.warn({ revoked }, 'signing keys were revoked')
          return revoked
        }),

      async erase() {
        const { rowCount } = await fastify.pg.query(
          `UPDATE signing_keys SET encrypted_private_jwk = NULL
            WHERE encrypted_private_jwk IS NOT NULL AND retires_at < now() - make_interval(secs => $1)`,
          [retention]
        )
        return rowCount ?? 0
      }
    })
  },
  { name: 'signing-key-records', dependencies: ['configuration', 'postgres', 'migrations', 'secret-keys'] }
)

interface SigningKeyRow {
  kid: string
  public_jwk: PublicJwk
  encrypted_private_jwk: string | null
  created_at: Date
  activates_at: Date
  retires_at: Date | null
  revoked_at: Date | null
  asked_at: Date
}

function toRecord({ asked_at, ...row }: SigningKeyRow): SigningKeyRecord {
  const life = {
    activates_at: row.activates_at.getTime(),
    retires_at: row.retires_at?.getTime() ?? null,
    revoked_at: row.revoked_at?.getTime() ?? null
  }
  const { kid, public_jwk, encrypted_private_jwk, created_at } = row
  const state = signingKeyState(life, asked_at.getTime(), retention * 1000)
  return { kid, public_jwk, encrypted_private_jwk, created_at: created_at.getTime(), ...life, state }
}
