/** A hash that another system made, and what it takes to check a password against it. */
export type ForeignHash =
  | { scheme: 'bcrypt'; text: string }
  | { scheme: 'scrypt'; N: number; r: number; p: number; salt: Buffer; key: Buffer }
  | { scheme: 'pbkdf2'; digest: 'sha256' | 'sha512'; iterations: number; salt: Buffer; key: Buffer }

/** Why a hash is not taken. Its message says nothing of the hash but its parameters. */
export class UnusableHash extends Error {}

// What one login may cost. Beyond it a few people who log in at once, or guess, would keep everybody waiting.
const maximum = {
  bcryptCost: 14,
  /** Bytes: OWASP's N=2^17, r=8. */
  scryptMemory: 128 * 2 ** 20,
  /** N × r × p */
  scryptWork: 2 ** 21,
  pbkdf2Iterations: 2_000_000,
  /** KiB: what libsodium calls moderate. */
  argon2Memory: 256 * 2 ** 10,
  /** KiB × passes */
  argon2Work: 2 ** 20,
  argon2Parallelism: 16
}

/** Bytes. A shorter key has collisions that can be looked for; of a longer one each block costs as much again. */
const keyLength = { minimum: 16, maximum: 64 }

/** $2x$ is not among them: it marks hashes of an implementation that was broken. */
const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

/** The PHC string format, as far as it is used: `$id[$v=…]$name=number,…$salt$key`. */
const phc = /^\$([a-z0-9-]+)(?:\$v=(\d+))?\$([a-z]+=\d+(?:,[a-z]+=\d+)*)\$([A-Za-z0-9+/]*)\$([A-Za-z0-9+/]+)$/

/** PBKDF2 of passlib: a bare number of rounds, and `.` in Base64 where others have `+`. */
const passlib = /^\$(pbkdf2-sha(?:256|512))\$(\d+)\$([A-Za-z0-9./]*)\$([A-Za-z0-9./]+)$/

export const isArgon2 = (hash: string) => /^\$argon2(id|i|d)\$/.test(hash)

interface Fields {
  id: string
  version: number | undefined
  parameters: Map<string, number>
  salt: Buffer
  key: Buffer
}

function readPhc(hash: string): Fields {
  const [, id = '', version, parameters = '', salt = '', key = ''] = phc.exec(hash) ?? []
  if (id === '') throw new UnusableHash('is not in a format that is known')
  const pairs = parameters.split(',').map((pair) => pair.split('=') as [string, string])
  return {
    id,
    version: version === undefined ? undefined : Number(version),
    parameters: new Map(pairs.map(([name, value]) => [name, Number(value)])),
    salt: Buffer.from(salt, 'base64'),
    key: Buffer.from(key, 'base64')
  }
}

/** The parameters of these names, if there are these and no other. */
function take({ id, parameters }: Fields, ...names: string[]): number[] {
  const values = names.flatMap((name) => parameters.get(name) ?? [])
  if (values.length !== names.length || parameters.size !== names.length)
    throw new UnusableHash(`of ${id} must have the parameters ${names.join(', ')}`)
  return values
}

function refuse(broken: boolean, reason: string): void {
  if (broken) throw new UnusableHash(reason)
}

function checkKey({ id, key }: Fields): void {
  refuse(
    key.length < keyLength.minimum || key.length > keyLength.maximum,
    `of ${id} must be ${String(keyLength.minimum)} to ${String(keyLength.maximum)} bytes long`
  )
}

function checkArgon2(fields: Fields): void {
  const [m = 0, t = 0, p = 0] = take(fields, 'm', 't', 'p')
  const { id, version = 16, salt } = fields
  // RFC 9106 §3.1.
  refuse(![16, 19].includes(version), `of ${id} must be of version 16 or 19`)
  refuse(m < 8 * p || t < 1 || p < 1 || salt.length < 8, `of ${id} has parameters that there are not`)
  refuse(
    m > maximum.argon2Memory || m * t > maximum.argon2Work || p > maximum.argon2Parallelism,
    `of ${id} with m=${String(m)},t=${String(t)},p=${String(p)} costs too much to check`
  )
  checkKey(fields)
}

/**
 * Reads a hash of bcrypt (`$2a$` `$2b$` `$2y$`), scrypt or PBKDF2. Does NOT read argon2, whose package does.
 * @throws UnusableHash for any other, and where checking it would cost too much
 */
export function readForeignHash(hash: string): ForeignHash {
  const [, cost] = bcrypt.exec(hash) ?? []
  if (cost !== undefined) {
    refuse(Number(cost) < 4, 'of bcrypt has a cost that there is not')
    refuse(Number(cost) > maximum.bcryptCost, `of bcrypt with cost ${cost} costs too much to check`)
    // PHP's name for what everybody else calls 2b.
    return { scheme: 'bcrypt', text: hash.replace('$2y$', '$2b$') }
  }
  const fields = readPhc(hash)
  const { id, salt, key } = fields
  switch (fields.version === undefined ? id : `${id} with a version`) {
    case 'scrypt': {
      const [ln = 0, r = 0, p = 0] = take(fields, 'ln', 'r', 'p')
      const N = 2 ** ln
      refuse(ln < 1 || r < 1 || p < 1, 'of scrypt has parameters that there are not')
      refuse(
        128 * N * r > maximum.scryptMemory || N * r * p > maximum.scryptWork,
        `of scrypt with ln=${String(ln)},r=${String(r)},p=${String(p)} costs too much to check`
      )
      checkKey(fields)
      return { scheme: 'scrypt', N, r, p, salt, key }
    }
    case 'pbkdf2-sha256':
    case 'pbkdf2-sha512': {
      const [iterations = 0] = take(fields, 'i')
      refuse(iterations < 1, `of ${id} has parameters that there are not`)
      refuse(
        iterations > maximum.pbkdf2Iterations,
        `of ${id} with i=${String(iterations)} costs too much to check`
      )
      checkKey(fields)
      return { scheme: 'pbkdf2', digest: id === 'pbkdf2-sha256' ? 'sha256' : 'sha512', iterations, salt, key }
    }
    default:
      throw new UnusableHash('is not in a format that is known')
  }
}

/**
 * A hash from elsewhere as it may be stored: in the PHC string format, or bcrypt's own. Does NOT tell whether it is
 * strong; the first login replaces it.
 * @throws UnusableHash
 */
export function importHash(hash: string): string {
  const stored = hash.replace(
    passlib,
    (_, id: string, rounds: string, salt: string, key: string) =>
      `$${id}$i=${rounds}$${salt.replaceAll('.', '+')}$${key.replaceAll('.', '+')}`
  )
  if (isArgon2(stored)) checkArgon2(readPhc(stored))
  else readForeignHash(stored)
  return stored
}

/**
 * A hash of nobody's password that takes as long to check as every other with these settings.
 * @param settings a hash up to its salt
 */
export function standIn(settings: string): string {
  if (settings.startsWith('$2')) return `${settings}${'.'.repeat(53)}`
  const zeros = (bytes: number) => Buffer.alloc(bytes).toString('base64').replaceAll('=', '')
  return `${settings}${zeros(16)}$${zeros(32)}`
}
