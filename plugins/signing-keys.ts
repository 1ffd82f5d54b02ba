import {
  CompactEncrypt,
  calculateJwkThumbprint,
  compactDecrypt,
  exportJWK,
  generateKeyPair,
  type JWK
} from 'jose'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import fp from 'fastify-plugin'
import type { JsonWebKeySet } from '../schemas/well-known.ts'

declare module 'fastify' {
  interface FastifyInstance {
    signingKeys: SigningKeys
  }
}

export interface SigningKeys {
  /** Signs new access tokens. PEM, PKCS #8. */
  current: { kid: string; privateKey: string }
  /** Every key whose tokens are accepted, by `kid`. PEM, SPKI. */
  publicKeys: ReadonlyMap<string, string>
  /** RFC 7517 §5, as published. */
  jwks: JsonWebKeySet
}

interface SigningKeyRow {
  kid: string
  public_jwk: JsonWebKeySet['keys'][number]
  encrypted_private_jwk: string
}

/**
 * Decorates `fastify.signingKeys`: the ES256 keys of access tokens. The first instance to start makes
 * the first key; its private half stands in Postgres only as a JWE under `SECRET_KEY`.
 */
export default fp(
  async (fastify) => {
    const encryption = fastify.secretKeys.for('signing key encryption')

    const encrypt = (privateJwk: Uint8Array) =>
      new CompactEncrypt(privateJwk)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: encryption.current.kid })
        .encrypt(encryption.current.key)

    const makeKey = async (): Promise<SigningKeyRow> => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
      const { x = '', y = '' } = await exportJWK(publicKey)
      const jwk = { kty: 'EC', crv: 'P-256', x, y } as const
      const kid = await calculateJwkThumbprint(jwk) // RFC 7638
      return {
        kid,
        public_jwk: { ...jwk, kid, alg: 'ES256', use: 'sig' },
        encrypted_private_jwk: await encrypt(Buffer.from(JSON.stringify(await exportJWK(privateKey))))
      }
    }

    const decrypt = async (row: SigningKeyRow) => {
      try {
        return await compactDecrypt(
          row.encrypted_private_jwk,
          ({ kid }) => {
            const known = encryption.accepted.get(kid ?? '')
            if (!known) throw new Error('encrypted under another SECRET_KEY')
            return known.key
          },
          { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
        )
      } catch (error) {
        throw new Error(
          `The signing key ${row.kid} in Postgres can't be read with this SECRET_KEY. ` +
            'Start with the SECRET_KEY that this database was made with, or add it to the list (SECRET_KEY=new,old).',
          { cause: error }
        )
      }
    }

    const { rows, privateJwk } = await fastify.pg.transact(async (client) => {
      // However many instances start together, one makes the key and the others read it.
      await client.query("SELECT pg_advisory_xact_lock(hashtext('latchkey signing keys'))")
      const select =
        'SELECT kid, public_jwk, encrypted_private_jwk FROM signing_keys ORDER BY created_at DESC'
      const { rows } = await client.query<SigningKeyRow>(select)
      const [newest] = rows
      if (!newest) {
        const made = await makeKey()
        await client.query(
          'INSERT INTO signing_keys (kid, public_jwk, encrypted_private_jwk) VALUES ($1, $2, $3)',
          [made.kid, made.public_jwk, made.encrypted_private_jwk]
        )
        return { rows: [made], privateJwk: (await decrypt(made)).plaintext }
      }
      const { plaintext, protectedHeader } = await decrypt(newest)
      if (protectedHeader.kid !== encryption.current.kid) {
        // SECRET_KEY is being exchanged: the old one must be able to go.
        await client.query('UPDATE signing_keys SET encrypted_private_jwk = $2 WHERE kid = $1', [
          newest.kid,
          await encrypt(plaintext)
        ])
      }
      return { rows, privateJwk: plaintext }
    })

    const [newest] = rows
    if (!newest) throw new Error('no signing key was made')
    fastify.decorate('signingKeys', {
      current: { kid: newest.kid, privateKey: privatePem(privateJwk) },
      publicKeys: new Map(rows.map(({ kid, public_jwk }) => [kid, publicPem(public_jwk)])),
      jwks: { keys: rows.map(({ public_jwk }) => public_jwk) }
    })
  },
  { name: 'signing-keys', dependencies: ['postgres', 'migrations', 'secret-keys'] }
)

function privatePem(privateJwk: Uint8Array): string {
  const jwk = JSON.parse(Buffer.from(privateJwk).toString()) as JWK
  return createPrivateKey({ key: jwk as never, format: 'jwk' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()
}

function publicPem(jwk: JWK): string {
  return createPublicKey({ key: jwk as never, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
}
