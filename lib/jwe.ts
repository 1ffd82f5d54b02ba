import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { SecretKey } from './secret-key.ts'

/** JWE, compact (RFC 7516 §3.1), with AES-256-GCM directly under the key, which its header names. */
export function encryptJwe(plaintext: Uint8Array, { kid, key }: SecretKey): Promise<string> {
  return new CompactEncrypt(plaintext).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid }).encrypt(key)
}

/** @throws where the key that the header names is none of `accepted`, or is not the one that encrypted it */
export async function decryptJwe(jwe: string, accepted: ReadonlyMap<string, SecretKey>): Promise<Uint8Array> {
  const { plaintext } = await compactDecrypt(
    jwe,
    ({ kid }) => {
      const known = accepted.get(kid ?? '')
      if (!known) throw new Error('encrypted under another key')
      return known.key
    },
    { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
  )
  return plaintext
}

/** Whether the header names this key. Does NOT check that it is true. */
export function isEncryptedUnder(jwe: string, { kid }: SecretKey): boolean {
  return decodeProtectedHeader(jwe).kid === kid
}
