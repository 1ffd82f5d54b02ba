// RFC 6750 §2.1, the scheme without regard to case (RFC 9110 §11.1).
const pattern = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i

/** @returns the token of an `Authorization: Bearer …` header, or undefined where it is none */
export function bearerToken(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : pattern.exec(authorization)?.[1]
}
