import { createHmac, timingSafeEqual } from 'node:crypto'
import { encodeJson } from './compact-jws.ts'

/** Compact JWS (RFC 7515 §3.1) with HS256 (RFC 7518 §3.2), all of one header and under one key. */
export interface Hs256Jws {
  /** What all of them begin with: the header as it is spelled, without its dot. */
  readonly header: string
  sign: (claims: object) => string
  /**
   * The claims of one of them. A token is taken in its one spelling only: the header by its characters, so that
   * nothing in it is ever looked at (RFC 8725 §3.1), and the signature too, of whose last character decoders ignore
   * two bits (RFC 4648 §3.5). Does NOT check any claim.
   * @returns undefined where it is none
   */
  verify: (token: string) => unknown
}

/** @param header other members than `alg`; must have none that has to be understood (RFC 7515 §4.1.11) */
export function hs256Jws(key: Buffer, header: { typ: string; kid: string }): Hs256Jws {
  const encodedHeader = encodeJson({ alg: 'HS256', ...header })
  const start = `${encodedHeader}.`
  const signatureOf = (input: string) => createHmac('sha256', key).update(input).digest('base64url')
  return {
    header: encodedHeader,
    sign(claims) {
      const input = start + encodeJson(claims)
      return `${input}.${signatureOf(input)}`
    },
    verify(token) {
      const end = token.lastIndexOf('.')
      if (!token.startsWith(start) || end < start.length) return undefined
      const signature = Buffer.from(token.slice(end + 1))
      const expected = Buffer.from(signatureOf(token.slice(0, end)))
      if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return undefined
      return JSON.parse(Buffer.from(token.slice(start.length, end), 'base64url').toString()) as unknown
    }
  }
}
