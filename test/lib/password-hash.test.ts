import t from 'tap'
import { isForeignPassword } from '../../lib/foreign-password.ts'
import { importHash, isArgon2, readForeignHash, standIn, UnusableHash } from '../../lib/password-hash.ts'
import { vectors } from '../foreign-hashes.ts'

t.test('what others hashed is recognised, and nothing else is', async (t) => {
  for (const { source, hash, password } of vectors) {
    const stored = importHash(hash)
    t.equal(importHash(stored), stored, 'what is stored can be imported')
    if (isArgon2(stored)) continue
    const read = readForeignHash(stored)
    t.equal(await isForeignPassword(read, Buffer.from(password)), true, source)
    t.equal(await isForeignPassword(read, Buffer.from(`${password}!`)), false, source)
  }
})

const salt = 'c2FsdCBvZiBzaXh0ZWVuIQ'
const key = 'A'.repeat(43)

t.test('what would cost too much, or is no hash, is refused with a reason', async (t) => {
  for (const [hash, reason] of [
    [`$2b$15$${'a'.repeat(53)}`, /^of bcrypt with cost 15 costs too much/],
    [`$2b$31$${'a'.repeat(53)}`, /costs too much/],
    [`$2b$03$${'a'.repeat(53)}`, /a cost that there is not/],
    [`$2x$10$${'a'.repeat(53)}`, /not in a format/],
    [`$2b$10$${'a'.repeat(52)}`, /not in a format/],
    [`$scrypt$ln=18,r=8,p=1$${salt}$${key}`, /^of scrypt with ln=18,r=8,p=1 costs too much/],
    [`$scrypt$ln=14,r=8,p=17$${salt}$${key}`, /costs too much/],
    [`$scrypt$ln=1024,r=8,p=1$${salt}$${key}`, /costs too much/],
    [`$scrypt$ln=0,r=8,p=1$${salt}$${key}`, /parameters that there are not/],
    [`$scrypt$ln=14,r=8$${salt}$${key}`, /must have the parameters ln, r, p/],
    [`$scrypt$ln=14,r=8,p=1,q=1$${salt}$${key}`, /must have the parameters/],
    [`$pbkdf2-sha256$i=2000001$${salt}$${key}`, /costs too much/],
    [`$pbkdf2-sha256$2000001$${salt}$${key}`, /costs too much/],
    [`$pbkdf2-sha512$i=0$${salt}$${key}`, /parameters that there are not/],
    [`$pbkdf2-sha256$i=1000$${salt}$AAAA`, /must be 16 to 64 bytes long/],
    [`$pbkdf2-sha256$i=1000$${salt}$${'A'.repeat(88)}`, /must be 16 to 64 bytes long/],
    [`$pbkdf2-sha1$i=1000$${salt}$${key}`, /not in a format/],
    [`$argon2id$v=19$m=262145,t=1,p=1$${salt}$${key}`, /costs too much/],
    [`$argon2id$v=19$m=65536,t=17,p=1$${salt}$${key}`, /costs too much/],
    [`$argon2id$v=19$m=65536,t=1,p=17$${salt}$${key}`, /costs too much/],
    [`$argon2id$v=20$m=65536,t=1,p=1$${salt}$${key}`, /version 16 or 19/],
    [`$argon2id$v=19$m=7,t=1,p=1$${salt}$${key}`, /parameters that there are not/],
    [`$argon2id$v=19$m=65536,t=1,p=1$AAAA$${key}`, /parameters that there are not/],
    [`$argon2x$v=19$m=65536,t=1,p=1$${salt}$${key}`, /not in a format/],
    [`$scrypt$v=1$ln=14,r=8,p=1$${salt}$${key}`, /not in a format/],
    ['$1$salt$qJH7.N4xYta3aEG/dfqo/0', /not in a format/],
    ['5f4dcc3b5aa765d61d8327deb882cf99', /not in a format/],
    ['', /not in a format/]
  ] as const) {
    const refused = t.throws(() => importHash(hash)) as Error
    t.type(refused, UnusableHash, hash)
    t.match(refused.message, reason, hash)
    t.notMatch(refused.message, new RegExp(`${salt}|A{8}|a{8}`), 'and tells nothing of it')
  }
})

t.test('a stand-in costs what its settings say, and is the hash of no password', async (t) => {
  for (const settings of ['$2b$05$', '$2y$05$', '$scrypt$ln=10,r=8,p=1$', '$pbkdf2-sha512$i=1000$']) {
    const hash = readForeignHash(standIn(settings))
    t.equal(await isForeignPassword(hash, Buffer.from('password')), false, settings)
  }
  t.ok(importHash(standIn('$argon2i$v=19$m=65536,t=2,p=1$')))
})
