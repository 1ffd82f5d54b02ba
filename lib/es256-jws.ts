import { sign, type KeyObject } from 'node:crypto'
import { encodeJson } from './compact-jws.ts'

/**
 * What signs compact JWS (RFC 7515 §3.1) with ES256 (RFC 7518 §3.4), all of one header and by one key. Does NOT check
 * any claim.
 * @param privateKey of the curve P-256
 */
export function es256Signer(
  privateKey: KeyObject,
  header: { typ: string; kid: string }
): (claims: object) => string {
  const start = `${encodeJson({ alg: 'ES256', ...header })}.`
  // Of fixed length, not DER (RFC 7518 §3.4).
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const }
  return (claims) => {
    const input = start + encodeJson(claims)
    return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
  }
}
