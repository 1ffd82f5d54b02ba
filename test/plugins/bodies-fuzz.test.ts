import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { bearer, build, logIn, password, refreshCookie, signUp } from '../helper.ts'
import { problems, type ProblemCode } from '../../lib/problem.ts'

// Anything at all may be sent: it is taken as it is meant, or it is the client's problem, and never ours.

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
t.comment(`FUZZ_SEED=${String(seed)}`)

const app = await build(t)
const { access_token, session_id, email } = await signUp(app)
const headers = bearer((await logIn(app, email)).access_token)

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '',
    '\u0000',
    '\ud800',
    '\u202e',
    '__proto__',
    'constructor',
    'toString',
    "'",
    '%s',
    '${7*7}'
  ),
  fc.emailAddress(),
  fc.constant(password),
  fc.constant(email)
)
const anyJson = fc.oneof(fc.jsonValue({ depthSize: 'medium' }), anyText)

type Fields = Record<string, fc.Arbitrary<string>>

/** A body that has the fields of a route, some of them, more of them, or none; often with what is good in them. */
const objectWith = (fields: Fields) =>
  fc
    .tuple(
      fc.record(
        Object.fromEntries(
          Object.entries(fields).map(([field, good]) => [
            field,
            fc.oneof({ weight: 2, arbitrary: good }, { weight: 1, arbitrary: anyJson })
          ])
        ),
        { requiredKeys: [] }
      ),
      fc.option(fc.dictionary(anyText, anyJson, { maxKeys: 1 }), { nil: {}, freq: 2 })
    )
    .map(([known, unknown]) => JSON.stringify({ ...unknown, ...known }))

/** JSON, JSON that was cut or mended somewhere, or any bytes. */
const anyBody = (fields: Fields) => {
  const object = objectWith(fields)
  const damaged = fc.tuple(object, fc.nat(), fc.uint8Array({ maxLength: 3 })).map(([json, place, bytes]) => {
    const buffer = Buffer.from(json)
    const at = place % (buffer.length + 1)
    return Buffer.concat([buffer.subarray(0, at), bytes, buffer.subarray(at + 1)])
  })
  return fc.oneof(
    { weight: 4, arbitrary: object.map((json) => Buffer.from(json)) },
    { weight: 2, arbitrary: damaged },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.json().map((json) => Buffer.from(json)) }
  )
}

const contentType = fc.oneof(
  { weight: 6, arbitrary: fc.constant('application/json') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-7',
      'text/plain',
      'multipart/form-data'
    )
  }
)

/** What is wrong with an answer, if anything. */
function faultOf(response: LightMyRequestResponse): string | undefined {
  const { statusCode } = response
  if (statusCode < 300) return undefined
  if (statusCode < 400 || statusCode >= 500) return `status ${String(statusCode)}`
  if (response.headers['content-type'] !== 'application/problem+json; charset=utf-8')
    return 'no problem document'
  const body = response.json<Record<string, unknown>>()
  const known = problems[body['code'] as ProblemCode]
  if (known.status !== statusCode || known.action !== body['action']) return 'not as registered'
  return typeof body['request_id'] === 'string' ? undefined : 'no request_id'
}

const address = fc.uuid().map((id) => `${id}@example.com`)
const cookie = `${refreshCookie}=x`
for (const { method, url, fields, ...rest } of [
  {
    method: 'POST',
    url: '/auth/signup',
    fields: { email: address, password: fc.constant(password), name: anyText }
  },
  { method: 'POST', url: '/auth/login', fields: { email: anyText, password: anyText } },
  { method: 'POST', url: '/auth/refresh', fields: { refresh_token: anyText }, headers: { cookie } },
  { method: 'POST', url: '/auth/logout', fields: { refresh_token: anyText }, headers: { cookie } },
  { method: 'POST', url: '/auth/logout/all', fields: {}, headers: bearer('x') },
  { method: 'PATCH', url: '/auth/me', fields: { name: anyText }, headers },
  { method: 'PATCH', url: `/auth/sessions/${session_id}`, fields: { label: anyText }, headers }
] as const) {
  t.test(`any body for ${method} ${url.replace(session_id, ':id')}`, async () => {
    const property = fc.asyncProperty(anyBody(fields), contentType, async (payload, type) => {
      const headers = { ...('headers' in rest ? rest.headers : {}), 'content-type': type }
      const fault = faultOf(await app.inject({ method, url, headers, payload }))
      if (fault) throw new Error(fault)
    })
    await fc.assert(property, { numRuns: 300, seed })
  })
}

t.test('any path parameter and any query', async () => {
  const encode = (text: string) => encodeURIComponent(Buffer.from(text).toString())
  const property = fc.asyncProperty(anyText, anyText, fc.boolean(), async (id, query, raw) => {
    const url = `/auth/sessions/${raw ? '%' : ''}${encode(id)}?${encode(query)}`
    const fault = faultOf(await app.inject({ method: 'DELETE', url, headers }))
    if (fault) throw new Error(fault)
  })
  await fc.assert(property, { numRuns: 300, seed })
})

t.test('the user whom all this was sent to is still there', async (t) => {
  const response = await app.inject({ url: '/auth/me', headers: bearer(access_token) })
  t.equal(response.statusCode, 200)
})
