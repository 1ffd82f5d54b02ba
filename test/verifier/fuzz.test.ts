// Whatever the bytes of a token are, even under a good signature, server and verifier say the same: in, where they
// are a token of ours, else 401. Never anything else.
import fc from 'fast-check'
import { isUtf8 } from 'node:buffer'
import t from 'tap'
import { accessTokenKey, decode, signBytes, type Json } from '../forge.ts'
import { bearer, build, signUp } from '../helper.ts'
import { buildService, get, listen } from './service.ts'

const app = await build(t)
const service = await buildService(t, await listen(app))
const { access_token, user_id } = await signUp(app)
const good = decode(access_token)
const key = await accessTokenKey(app.stores)

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '')

/** JSON with one member put to something else, left out, or added. */
const nearly = (object: Json) =>
  fc
    .record({
      member: fc.oneof(
        fc.constantFrom(...Object.keys(object)),
        fc.constantFrom('crit', 'b64', 'nbf', 'jwk', 'jku', '__proto__')
      ),
      value: fc.oneof(
        fc.jsonValue(),
        fc.constantFrom(...Object.values(object)),
        fc.constant(undefined),
        fc.integer()
      )
    })
    .map(({ member, value }) =>
      bytes({
        ...object,
        ...(JSON.parse(`{${JSON.stringify(member)}:${JSON.stringify(value) ?? 'null'}}`) as Json)
      })
    )

/** A few of its bytes changed. */
const damaged = (object: Json) => {
  const text = bytes(object)
  return fc
    .array(fc.tuple(fc.nat(text.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const copy = Buffer.from(text)
      for (const [index, byte] of changes) copy[index] = byte
      return copy
    })
}

const segment = (object: Json) =>
  fc.oneof(
    { weight: 3, arbitrary: nearly(object) },
    { weight: 2, arbitrary: damaged(object) },
    { weight: 1, arbitrary: fc.constant(bytes(object)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)) },
    { weight: 1, arbitrary: fc.jsonValue().map(bytes) }
  )

async function answersTo(token: string) {
  const [server, other] = await Promise.all([
    app.inject({ url: '/auth/verify', headers: bearer(token) }),
    get(service, token)
  ])
  return { server, other }
}

t.test('header and claims under a good signature', async (t) => {
  let admitted = 0
  await fc.assert(
    fc.asyncProperty(segment(good.header), segment(good.claims), async (header, claims) => {
      const { server, other } = await answersTo(signBytes(header, claims, key))
      const statuses = [server.statusCode, other.statusCode]
      if (server.statusCode === 204) {
        admitted += 1
        const { alg, kid } = JSON.parse(header.toString()) as Json
        if (alg !== 'ES256' || kid !== good.header['kid']) throw new Error('a header that is not ours got in')
        const { iss, aud, sid } = JSON.parse(claims.toString()) as Json
        if (
          iss !== good.claims['iss'] ||
          ![aud].flat().includes(good.claims['aud']) ||
          typeof sid !== 'string'
        )
          throw new Error('claims that are not ours got in')
        // jose reads strict UTF-8, fast-jwt puts U+FFFD for what is none.
        if (other.statusCode !== 200 && isUtf8(header) && isUtf8(claims))
          throw new Error(`only the server lets it in: ${header.toString()} ${claims.toString()}`)
      } else if (statuses.some((status) => status !== 401))
        throw new Error(`answered ${statuses.join(' and ')}`)
    }),
    { numRuns: 1500 }
  )
  t.ok(admitted > 0, 'and some are good')
})

t.test('the text of a token', async (t) => {
  const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: printable, minLength: 1, maxLength: 300 }),
        fc
          .tuple(fc.nat(access_token.length - 1), fc.nat(5), fc.string({ unit: printable, maxLength: 5 }))
          .map(([at, length, text]) => access_token.slice(0, at) + text + access_token.slice(at + length))
          .filter((text) => text !== access_token)
      ),
      async (token) => {
        const { server, other } = await answersTo(token)
        if (server.statusCode !== 401 || other.statusCode !== 401)
          throw new Error(`answered ${String(server.statusCode)} and ${String(other.statusCode)}`)
      }
    ),
    { numRuns: 1500 }
  )
  t.same((await get(service, access_token)).json(), { owner: user_id })
})
