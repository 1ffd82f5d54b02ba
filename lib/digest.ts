import { hash } from 'node:crypto'

/** SHA-256, base64url, 43 characters: for values that may be compared later but must not be stored. */
export function digest(value: string): string {
  return hash('sha256', value, 'base64url')
}
