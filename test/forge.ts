import { compactDecrypt } from 'jose'
import { createHmac, createPrivateKey, hkdfSync, sign, type JsonWebKey } from 'node:crypto'
import { secretKey, type Stores } from './helper.ts'

// Tokens that the server has not made, or not so: with its own keys, as only a leak could give them to anyone.

export type Json = Record<string, unknown>

const encode = (value: Json) => Buffer.from(JSON.stringify(value)).toString('base64url')

export function decode(token: string): { header: Json; claims: Json } {
  const [header = '', claims = ''] = token.split('.')
  const read = (segment: string) => JSON.parse(Buffer.from(segment, 'base64url').toString()) as Json
  return { header: read(header), claims: read(claims) }
}

/** What signs refresh tokens under a `SECRET_KEY`. */
export function refreshTokenKey(secret = secretKey): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'latchkey', 'refresh token', 32))
}

/** What signs access tokens: read from Postgres and decrypted. */
export async function accessTokenKey({ pool }: Stores): Promise<JsonWebKey> {
  const { rows } = await pool.query<{ encrypted_private_jwk: string }>(
    'SELECT encrypted_private_jwk FROM signing_keys ORDER BY created_at DESC'
  )
  const key = Buffer.from(hkdfSync('sha256', secretKey, 'latchkey', 'signing key encryption', 32))
  const { plaintext } = await compactDecrypt(rows[0]?.encrypted_private_jwk ?? '', key)
  return JSON.parse(Buffer.from(plaintext).toString()) as JsonWebKey
}

export function unsigned(header: Json, claims: Json): string {
  return `${encode(header)}.${encode(claims)}.`
}

export function signHs256(header: Json, claims: Json, key: string | Buffer): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}

export function signEs256(header: Json, claims: Json, jwk: JsonWebKey): string {
  return signBytes(Buffer.from(JSON.stringify(header)), Buffer.from(JSON.stringify(claims)), jwk)
}

/** A token of these very bytes, whatever they are. */
export function signBytes(header: Uint8Array, claims: Uint8Array, jwk: JsonWebKey): string {
  const input = [header, claims].map((bytes) => Buffer.from(bytes).toString('base64url')).join('.')
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The token with one character changed, once for each of its characters, and the last one in every way. */
export function tamper(token: string): string[] {
  const withCharacter = (index: number, character: string) =>
    token.slice(0, index) + character + token.slice(index + 1)
  const next = (character: string) => alphabet[(alphabet.indexOf(character) + 1) % alphabet.length] ?? ''
  return [
    ...Array.from(token, (character, index) => withCharacter(index, next(character))),
    ...Array.from(alphabet, (character) => withCharacter(token.length - 1, character))
  ].filter((tampered) => tampered !== token)
}
