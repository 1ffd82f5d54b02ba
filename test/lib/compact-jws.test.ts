import { randomBytes } from 'node:crypto'
import t from 'tap'
import { hasCanonicalSignature } from '../../lib/compact-jws.ts'
import { tamper } from '../forge.ts'

t.test('of all spellings of a signature one is canonical', async (t) => {
  for (const length of [32, 64]) {
    const signature = randomBytes(length).toString('base64url')
    t.ok(hasCanonicalSignature(`header.claims.${signature}`))
    const same = tamper(signature).filter((text) =>
      Buffer.from(text, 'base64url').equals(Buffer.from(signature, 'base64url'))
    )
    t.ok(same.length >= 3, 'decoders take them for the same')
    for (const spelling of [...same, `${signature}=`, `${signature}==`, `${signature}\n`, ` ${signature}`]) {
      t.notOk(hasCanonicalSignature(`header.claims.${spelling}`), spelling.slice(-4))
    }
  }
})
