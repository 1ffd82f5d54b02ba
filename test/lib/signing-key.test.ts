import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { makeSigningKey, readPrivateKey } from '../../lib/signing-key.ts'

t.test('a key of ours can be read, and no other signs', async (t) => {
  const { private_jwk } = await makeSigningKey()
  t.equal(readPrivateKey(private_jwk).type, 'private')

  const others = [
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ed25519')
  ]
  for (const { privateKey } of others) {
    const jwk = Buffer.from(JSON.stringify(privateKey.export({ format: 'jwk' })))
    t.throws(() => readPrivateKey(jwk), /P-256/)
  }
})
