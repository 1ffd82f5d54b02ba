// How many access tokens a second are checked, by what the verifier could be built on. One process, one core for
// the main thread; jose verifies on others besides, which the CPU time of the whole process shows.
//
//   npx tsx bench/signatures.ts
import { createVerifier as createFastJwt } from 'fast-jwt'
import { createLocalJWKSet, exportJWK, exportSPKI, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { cpus } from 'node:os'
import { digest } from '../lib/digest.ts'

const rules = { issuer: 'https://auth.example.com', audience: 'https://auth.example.com' }
const header = { alg: 'ES256', typ: 'at+jwt', kid: 'the key' }
const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
const keySet = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: header.kid }] })

const publicPem = await exportSPKI(publicKey)

const tokens = await Promise.all(
  Array.from({ length: 1000 }, (_, number) =>
    new SignJWT({ sid: `session ${String(number)}`, role: 'user', email_verified: true, amr: ['pwd'] })
      .setProtectedHeader(header)
      .setIssuer(rules.issuer)
      .setAudience(rules.audience)
      .setSubject(`user ${String(number)}`)
      .setIssuedAt()
      .setExpirationTime('15m')
      .sign(privateKey)
  )
)

type Verify = (token: string) => unknown

const withJose: Verify = (token) =>
  jwtVerify(token, keySet, { ...rules, algorithms: ['ES256'], typ: 'at+jwt' })
const remembered = new LRUCache<string, { exp: number }>({ max: 10_000 })
const withJoseAndOurCache: Verify = async (token) => {
  const key = digest(token)
  const known = remembered.get(key)
  if (known && known.exp > Date.now() / 1000) return known
  const { payload } = await jwtVerify(token, keySet, { ...rules, algorithms: ['ES256'], typ: 'at+jwt' })
  remembered.set(key, { exp: payload.exp ?? 0 })
  return payload
}
const fastJwt = (cache: number | false): Verify =>
  createFastJwt({
    key: publicPem,
    algorithms: ['ES256'],
    allowedIss: rules.issuer,
    allowedAud: rules.audience,
    checkTyp: 'at+jwt',
    cache
  })

/** Tokens a second, and µs of CPU time for each. `together` of them are under way at once. */
async function measure(verify: Verify, count: number, together: number) {
  const run = async (amount: number) => {
    for (let done = 0; done < amount; done += together) {
      const batch = Array.from({ length: together }, (_, index) =>
        verify(tokens[(done + index) % 1000] ?? '')
      )
      await Promise.all(batch)
    }
  }
  await run(2000)
  const [cpu, start] = [process.cpuUsage(), performance.now()]
  await run(count)
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (count / (performance.now() - start)) * 1000, cpu: (user + system) / count }
}

const say = (text: string) => process.stdout.write(`${text}\n`)
say(`Node ${process.version}, ${String(cpus().length)} × ${cpus()[0]?.model ?? '?'}`)
say('                                            tokens/s   µs of CPU')
for (const [name, verify, count, together] of [
  ['seen first: fast-jwt', fastJwt(false), 20_000, 1],
  ['seen first: jose, one at a time', withJose, 20_000, 1],
  ['seen first: jose, 50 at once', withJose, 20_000, 50],
  ['seen before: fast-jwt and its cache', fastJwt(10_000), 400_000, 1],
  ['seen before: jose and our cache', withJoseAndOurCache, 400_000, 1]
] as const) {
  const { perSecond, cpu } = await measure(verify, count, together)
  say(`${name.padEnd(40)}${Math.round(perSecond).toString().padStart(12)}${cpu.toFixed(1).padStart(12)}`)
}
