import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { JsonWebKeySet } from '../schemas/well-known.ts'

export type PublicJwk = JsonWebKeySet['keys'][number]

/** A new ES256 key pair; the private half as JSON of a JWK. */
export async function makeSigningKey(): Promise<{ kid: string; public_jwk: PublicJwk; private_jwk: Buffer }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const { x = '', y = '' } = await exportJWK(publicKey)
  const jwk = { kty: 'EC', crv: 'P-256', x, y } as const
  const kid = await calculateJwkThumbprint(jwk) // RFC 7638
  return {
    kid,
    public_jwk: { ...jwk, kid, alg: 'ES256', use: 'sig' },
    private_jwk: Buffer.from(JSON.stringify(await exportJWK(privateKey)))
  }
}

/** Whether it has the form of our `kid`s: a SHA-256 thumbprint, base64url. */
export const isThumbprint = (kid: unknown): kid is string =>
  typeof kid === 'string' && /^[\w-]{43}$/.test(kid)

/**
 * @param private_jwk JSON of a JWK
 * @throws where it is none of ES256 (RFC 7518 §3.4): of another kind it would sign all the same, and nobody take it
 */
export function readPrivateKey(private_jwk: Uint8Array): KeyObject {
  const jwk = JSON.parse(Buffer.from(private_jwk).toString()) as JsonWebKey
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('the signing key is not of P-256')
  return key
}

/** PEM, SPKI */
export function publicPem(key: PublicJwk): string {
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString()
}

/** The times of a key, in ms of one clock. */
export interface SigningKeyLife {
  activates_at: number
  retires_at: number | null
  revoked_at: number | null
}

/**
 * published: in the JWKS, does not sign yet · active: signs · retired: signs no more, its last tokens still
 * live · over: they have expired · revoked: refused before its time
 */
export type SigningKeyState = 'published' | 'active' | 'retired' | 'over' | 'revoked'

/** @param retention ms for which the tokens of a retired key are accepted */
export function signingKeyState(
  { activates_at, retires_at, revoked_at }: SigningKeyLife,
  now: number,
  retention: number
): SigningKeyState {
  if (revoked_at !== null) return 'revoked'
  if (now < activates_at) return 'published'
  if (retires_at === null || now < retires_at) return 'active'
  return now < retires_at + retention ? 'retired' : 'over'
}
