// RFC 6750 §2.1, the scheme without regard to case (RFC 9110 §11.1).
const pattern = /^Bearer +(\S+) *$/i

/** @returns the token of an `Authorization: Bearer …` header, well formed or not, or undefined where it is none */
export function bearerToken(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : pattern.exec(authorization)?.[1]
}
