/** A segment of a compact JWS (RFC 7515 §7.1): JSON as base64url. */
export const encodeJson = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * Whether the signature of a compact JWS has its one canonical spelling. Decoders ignore the bits that are
 * left over in the last character (RFC 4648 §3.5), so that a changed token could pass as the same one.
 * Does NOT verify the signature.
 */
export function hasCanonicalSignature(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

/**
 * Whether a token could be a compact JWS signed with ES256 (RFC 7515 §3.1, RFC 7518 §3.4): three segments of
 * base64url, of which the last is 64 bytes in their canonical spelling. Does NOT verify the signature.
 */
export function isCompactEs256(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]{86}$/.test(token) && hasCanonicalSignature(token)
}
