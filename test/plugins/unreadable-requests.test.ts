import t, { type Test } from 'tap'
import { bearer, build, password, signUp } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { problems, type ProblemCode } from '../../lib/problem.ts'
import { rawRequest, sendRaw, type RawResponse } from '../raw.ts'

const app = await build(t)

const json = 'Content-Type: application/json'

/** The same as `isProblem`, of an answer that came over a socket. */
function isRawProblem(
  t: Test,
  { statusCode, headers, body }: RawResponse,
  code: ProblemCode,
  message: string
) {
  t.equal(statusCode, problems[code].status, message)
  t.match(headers, {
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store'
  })
  t.match(JSON.parse(body), {
    code,
    action: problems[code].action,
    status: statusCode,
    request_id: /^[\da-f-]{36}$/
  })
}

t.test('a URL that can not be read', async (t) => {
  const headers = bearer((await signUp(app)).access_token)
  const paths = ['/%', '/%ff', '/%c0%af', '/auth/me%', '/auth/sessions/%ff', '/auth/sessions/%e0%a4%a']
  for (const url of [...paths, `/auth/sessions/${'x'.repeat(5000)}`]) {
    for (const method of ['GET', 'DELETE', 'POST'] as const) {
      const response = await app.inject({ method, url, headers })
      isProblem(
        t,
        response,
        response.statusCode === 404 ? 'not_found' : 'invalid_request',
        `${method} ${url.slice(0, 40)}`
      )
      t.notOk(response.body.includes(url), 'it is not shown again')
    }
  }
})

t.test('a path and a query with what does not belong there', async (t) => {
  const headers = bearer((await signUp(app)).access_token)
  for (const url of [
    '/%00',
    '/auth/me%00',
    '/auth/%2e%2e/me',
    '//auth/me',
    '/AUTH/ME',
    '/auth/me/',
    '/docs/%00'
  ]) {
    isProblem(t, await app.inject({ url, headers }), 'not_found', url)
  }
  for (const query of [
    '%00',
    'a=%ff',
    '__proto__=1',
    'constructor[prototype][x]=1',
    '&&==',
    `a=${'x'.repeat(5000)}`
  ]) {
    t.equal((await app.inject({ url: `/auth/me?${query}`, headers })).statusCode, 200, query)
  }
})

t.test('bytes that are no request', async (t) => {
  const requests: Record<string, string | Buffer> = {
    'no HTTP': 'hello\r\n\r\n',
    TLS: Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00]),
    'a method that is none': rawRequest('FOO /', []),
    'bytes in the path': Buffer.from('GET /auth/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n', 'latin1'),
    'NUL in a header': rawRequest('GET /auth/me', ['X-Device-Id: a\u0000b']),
    'a control character in a header': rawRequest('GET /auth/me', ['Authorization: Bearer \u0001']),
    'a header without a name': rawRequest('GET /auth/me', [': x']),
    'a negative length': 'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
    'a length and chunks (request smuggling)':
      'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'two lengths': 'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'
  }
  for (const [what, request] of Object.entries(requests)) {
    isRawProblem(t, await sendRaw(app, request), 'invalid_request', what)
  }
})

t.test('headers that are too large', async (t) => {
  for (const name of ['X-Anything', 'Cookie', 'Authorization', 'Idempotency-Key']) {
    const request = rawRequest('POST /auth/refresh', [`${name}: ${'x'.repeat(17_000)}`])
    isRawProblem(t, await sendRaw(app, request), 'headers_too_large', name)
  }
})

t.test('a body of bytes that are no UTF-8, over a socket', async (t) => {
  const bodies = {
    [json]: Buffer.from(`{"email":"a@example.com","password":"${password}\xe9\xff"}`, 'latin1'),
    'Content-Type: application/x-www-form-urlencoded': Buffer.from(
      'email=a@example.com&password=\xe9\xff',
      'latin1'
    )
  }
  for (const [type, body] of Object.entries(bodies)) {
    const response = await sendRaw(app, rawRequest('POST /auth/login', [type], body))
    isRawProblem(t, response, 'invalid_request', type)
  }
})

t.test('bytes in header values that are no ASCII', async (t) => {
  const bytes = '\x80\xff\xfe'
  const send = (line: string, headers: string[], body = '') => sendRaw(app, rawRequest(line, headers, body))
  const credentials = JSON.stringify({ email: 'bytes@example.com', password })
  isRawProblem(
    t,
    await send('GET /auth/me', [`Authorization: Bearer ${bytes}`]),
    'access_token_invalid',
    'bearer'
  )
  isRawProblem(
    t,
    await send('POST /auth/refresh', [`Cookie: __Host-refresh_token=${bytes}`]),
    'refresh_token_invalid',
    'cookie'
  )
  isRawProblem(t, await send('POST /auth/refresh', [`Origin: ${bytes}`]), 'cross_site_request', 'origin')
  isRawProblem(
    t,
    await send('POST /auth/signup', [json, `X-Device-Id: ${bytes}`], credentials),
    'invalid_request',
    'device'
  )
  isRawProblem(
    t,
    await send('POST /auth/login', [`Content-Type: ${bytes}`], credentials),
    'unsupported_media_type',
    'content type'
  )
  const { statusCode } = await send('POST /auth/signup', [json, `User-Agent: ${bytes}`], credentials)
  t.equal(statusCode, 201, 'a browser may call itself anything')
})

t.test('a body that is longer than it said it would be is a second request, and a bad one', async (t) => {
  const request = rawRequest('POST /auth/login', [json], '{}')
  const response = await sendRaw(app, Buffer.concat([request, Buffer.from('and more\r\n\r\n')]))
  t.equal(response.statusCode, 400)
})

t.test('the server goes on', async (t) => {
  t.equal((await sendRaw(app, rawRequest('GET /health/live', []))).statusCode, 200)
})
