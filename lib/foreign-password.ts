import bcrypt from 'bcrypt'
import { pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { ForeignHash } from './password-hash.ts'

const derive = {
  scrypt: promisify<Buffer, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
    scrypt
  ),
  pbkdf2: promisify(pbkdf2)
}

/** Whether it is the password of a hash of another system. Computed off the event loop. */
export async function isForeignPassword(hash: ForeignHash, password: Buffer): Promise<boolean> {
  switch (hash.scheme) {
    case 'bcrypt':
      // Of more than 72 bytes bcrypt reads the first 72, here as there.
      return bcrypt.compare(password, hash.text)
    case 'scrypt': {
      const { N, r, p, salt, key } = hash
      // Node's own bound is 32 MiB; beside the blocks there is one for each lane.
      const maxmem = 128 * r * (N + p + 2)
      return timingSafeEqual(await derive.scrypt(password, salt, key.length, { N, r, p, maxmem }), key)
    }
    case 'pbkdf2': {
      const { digest, iterations, salt, key } = hash
      return timingSafeEqual(await derive.pbkdf2(password, salt, iterations, key.length, digest), key)
    }
  }
}
