import t from 'tap'
import { bearer, build, password, signUp } from '../helper.ts'
import { isClientProblem, isProblem } from '../problem.ts'

const app = await build(t)
const { access_token, session_id } = await signUp(app)
const headers = bearer(access_token)

/** Every route that reads a body, with one that it takes, and its fields of text. */
const routes = [
  {
    request: { method: 'POST', url: '/auth/signup' },
    body: { email: 'new@example.com', password, name: 'New' }
  },
  { request: { method: 'POST', url: '/auth/login' }, body: { email: 'new@example.com', password } },
  { request: { method: 'PATCH', url: '/auth/me', headers }, body: { name: 'New' } },
  { request: { method: 'PATCH', url: `/auth/sessions/${session_id}`, headers }, body: { label: 'New' } }
] as const

const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`

const malformed: Record<string, string | Buffer> = {
  'nothing at all': '',
  blanks: ' \n',
  'a brace': '{',
  'a comma too many': '{"email":"a@example.com",}',
  'single quotes': "{'email':'a@example.com'}",
  'a comment': '{/**/}',
  'text after it': '{}{}',
  'no object: null': 'null',
  'no object: a list': '[]',
  'no object: a number': '1',
  'no object: text': '"{}"',
  'no number of JSON': '{"email":NaN}',
  'arrays in arrays': nested('[', ']', 8000),
  'objects in objects': nested('{"a":', '}', 2000),
  'a field of objects in objects': `{"email":${nested('{"a":', '}', 2000)},"password":"x"}`,
  'a prototype': '{"__proto__":{"email":"a@example.com"},"email":"a@example.com","password":"x"}',
  'a prototype in escapes': '{"\\u005f_proto__":{"role":"admin"},"name":"x","label":"x"}',
  'a prototype further in': '{"name":{"__proto__":{}},"label":{"__proto__":{}}}',
  'constructor.prototype': '{"constructor":{"prototype":{"role":"admin"}},"name":"x","label":"x"}',
  constructor: '{"constructor":"x","email":"a@example.com","password":"x"}',
  'no UTF-8': Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
  'an overlong slash': Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
  'a surrogate in UTF-8': Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
  'UTF-16': Buffer.from('{}', 'utf16le'),
  'a NUL byte': '\u0000',
  'a raw NUL byte in text': '{"name":"a\u0000b","label":"a\u0000b"}',
  'a raw line break in text': '{"name":"a\nb","label":"a\nb"}'
}

for (const { request, body } of routes) {
  const name = `${request.method} ${request.url.replace(session_id, ':id')}`
  const send = (payload: string | Buffer, type: string | undefined = 'application/json') =>
    app.inject({
      ...request,
      payload,
      headers: { ...('headers' in request ? request.headers : {}), ...(type ? { 'content-type': type } : {}) }
    })

  t.test(`${name}: bodies that are no JSON object of ours`, async (t) => {
    for (const [what, payload] of Object.entries(malformed)) {
      const code = isClientProblem(t, await send(payload), what)
      t.equal(code, 'invalid_request')
    }
  })

  t.test(`${name}: content types`, async (t) => {
    const json = JSON.stringify(body)
    for (const type of [
      'text/plain',
      'text/json',
      'application/xml',
      'application/jsonp',
      'application/json/x',
      'multipart/form-data; boundary=x',
      'application/octet-stream',
      'garbage',
      '/',
      ''
    ]) {
      isProblem(t, await send(json, type), 'unsupported_media_type', type)
    }
  })

  t.test(`${name}: text that nobody types`, async (t) => {
    const texts: Record<string, string> = {
      NUL: '\u0000',
      'NUL in between': 'aaaaaaaaaaaaaaaaaa\u0000a@example.com',
      'a line break': 'aaaaaaaaaaaaaaaaaaaa\r\nBcc: b@example.com',
      escape: '\u001b[2Jaaaaaaaaaaaaaaaaaaaaaa',
      delete: 'aaaaaaaaaaaaaaaaaaaaaa\u007f',
      'a C1 control': 'aaaaaaaaaaaaaaaaaaaaaa\u0085',
      'half a surrogate pair': 'aaaaaaaaaaaaaaaaaaaaaaaa\ud800',
      'the other half': '\udc00aaaaaaaaaaaaaaaaaaaaaaaa',
      '10 kB': 'x'.repeat(10_240)
    }
    for (const field of Object.keys(body)) {
      for (const [what, text] of Object.entries(texts)) {
        const response = await send(JSON.stringify({ ...body, [field]: text }))
        const code = isClientProblem(t, response, `${field}: ${what}`)
        // Any text may be tried as a password; only none with such text in it was ever accepted.
        const tried = request.url === '/auth/login' && field === 'password' && text.length < 1024
        t.equal(code, tried ? 'invalid_credentials' : 'invalid_request')
      }
    }
  })

  t.test(`${name}: text that is no UTF-8`, async (t) => {
    for (const field of Object.keys(body)) {
      const json = JSON.stringify({ ...body, [field]: `${'a'.repeat(20)}~@example.com` })
      for (const bytes of ['\xff', '\xc0\xaf', '\xed\xa0\x80', '\xe9']) {
        const payload = Buffer.from(json.replace('~', bytes), 'latin1')
        isProblem(t, await send(payload), 'invalid_request', `${field}: ${bytes}`)
      }
    }
  })

  t.test(`${name}: values of other types are not made to fit`, async (t) => {
    for (const field of Object.keys(body)) {
      for (const value of [0, 1, -1.5, 1e300, true, false, [], ['x'], {}, { toString: 'x' }]) {
        const response = await send(JSON.stringify({ ...body, [field]: value }))
        const { errors = [] } = isProblem(
          t,
          response,
          'invalid_request',
          `${field}: ${JSON.stringify(value)}`
        )
        t.same([...new Set(errors.map(({ path }) => path))], [field])
      }
    }
  })

  t.test(`${name}: a megabyte`, async (t) => {
    for (const field of Object.keys(body)) {
      const response = await send(JSON.stringify({ ...body, [field]: 'x'.repeat(1_048_576) }))
      isProblem(t, response, 'payload_too_large', field)
    }
  })
}

t.test('where no body is asked for, a client that always says JSON may send none', async (t) => {
  const { access_token } = await signUp(app)
  const headers = { ...bearer(access_token), 'content-type': 'application/json' }
  t.equal((await app.inject({ method: 'DELETE', url: '/auth/sessions', headers })).statusCode, 204)
  t.equal((await app.inject({ method: 'POST', url: '/auth/logout', headers })).statusCode, 204)
})

t.test('a refused field is named, and not shown again', async (t) => {
  const response = await app.inject({
    method: 'POST',
    url: '/auth/signup',
    payload: { email: '<script>alert(1)</script>', password: 'short secret', name: 1 }
  })
  isProblem(t, response, 'invalid_request')
  t.notOk(/script|short secret/.test(response.body))
})

t.test('after all that nobody was made or changed', async (t) => {
  const { rows } = await app.stores.pool.query<{ name: null }>('SELECT name FROM users')
  t.same(new Set(rows.map(({ name }) => name)), new Set([null]))
  t.equal(({} as Record<string, unknown>)['role'], undefined)
})
