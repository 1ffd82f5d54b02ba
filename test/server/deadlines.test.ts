import t from 'tap'
import { build } from '../helper.ts'
import { rawRequest, sendRaw } from '../raw.ts'

const codeIn = (body: string) => (JSON.parse(body) as { code: string }).code

t.test('who sends its headers or its body slowly is cut', async (t) => {
  const app = await build(t)
  const slow = {
    headers: 'GET /auth/me HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
    body: 'POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"email":'
  }
  const [headers, body] = await Promise.all([sendRaw(app, slow.headers), sendRaw(app, slow.body)])
  t.equal(headers.statusCode, 408)
  t.equal(body.statusCode, 408)
  for (const answer of [headers, body]) t.equal(codeIn(answer.body), 'request_timeout')
})

t.test('a body over the limit is 413, whether it says its length or not', async (t) => {
  const app = await build(t)
  const type = 'Content-Type: application/json'
  const body = JSON.stringify({ email: 'ada@example.com', password: 'x'.repeat(20_000) })
  const told = await sendRaw(app, rawRequest('POST /auth/login', [type], body))
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  const head = `POST /auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${type}\r\nTransfer-Encoding: chunked\r\n\r\n`
  const untold = await sendRaw(app, head + chunk)
  for (const answer of [told, untold]) {
    t.equal(answer.statusCode, 413)
    t.equal(codeIn(answer.body), 'payload_too_large')
  }
})
