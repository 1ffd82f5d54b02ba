import { compactVerify } from 'jose'
import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { es256Signer } from '../../lib/es256-jws.ts'
import { decode } from '../forge.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
const header = { typ: 'at+jwt', kid: 'AAAAAAAAAAAA' }
const claims = { sub: 'ä "quoted" one', exp: 7 }

t.test('anybody who has the public key can verify it, and nobody with another', async (t) => {
  const token = es256Signer(privateKey, header)(claims)
  const { protectedHeader, payload } = await compactVerify(token, publicKey, { algorithms: ['ES256'] })
  t.same(protectedHeader, { alg: 'ES256', ...header })
  t.same(JSON.parse(Buffer.from(payload).toString()), claims)
  await t.rejects(compactVerify(token, other), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
})

t.test('its segments are base64url without padding, the signature R and S (RFC 7518 §3.4)', async (t) => {
  const sign = es256Signer(privateKey, header)
  // A signature in DER would differ in length from one to the next.
  for (let round = 0; round < 50; round++) t.match(sign(claims), /^[\w-]+\.[\w-]+\.[\w-]{86}$/)
  t.same(decode(sign(claims)), { header: { alg: 'ES256', ...header }, claims })
})
