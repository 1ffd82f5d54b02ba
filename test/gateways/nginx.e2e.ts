// The nginx of docs/gateways.md, really running, in front of an app that believes the headers that it gets.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { accessTokenKey, decode, signEs256 } from '../forge.ts'
import { forgeries } from '../forgeries.ts'
import { bearer, makeStores, signUp, startNode } from '../helper.ts'
import { listen, logOut } from '../verifier/service.ts'
import { startNginx } from './nginx.ts'

interface Received {
  method: string | undefined
  url: string | undefined
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  body: string
}

const received: Received[] = []
const upstream = createServer((request, response) => {
  void text(request).then((body) => {
    const { method, url, headers, rawHeaders } = request
    received.push({ method, url, headers, rawHeaders, body })
    response.end('from the app')
  })
})
upstream.listen(0, '127.0.0.1')
await once(upstream, 'listening')
t.teardown(() => upstream.close())

const app = await startNode(await makeStores(t), { AUTO_RENEW: true })
t.teardown(() => app.close())
const latchkey = Number(new URL(await listen(app)).port)
const url = await startNginx(t, { latchkey, app: portOf(upstream) })

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

t.beforeEach(() => {
  received.length = 0
})

t.test('a good token: the app gets who it is, and the request as it was', async (t) => {
  const { access_token, user_id, session_id } = await signUp(app)
  const response = await fetch(`${url}/orders?of=2`, {
    method: 'POST',
    headers: { ...bearer(access_token), 'content-type': 'text/plain' },
    body: 'two apples'
  })
  t.equal(await response.text(), 'from the app')
  t.match(received, [
    {
      method: 'POST',
      url: '/orders?of=2',
      body: 'two apples',
      headers: { 'x-auth-user': user_id, 'x-auth-session': session_id, 'x-auth-role': 'user' }
    }
  ])
  t.equal(response.headers.get('x-new-token'), null)
})

t.test('what a client sends under those names never arrives', async (t) => {
  const { access_token, user_id } = await signUp(app)
  for (const name of [
    'X-Auth-User',
    'x-auth-user',
    'X-AUTH-ROLE',
    'X-Auth-Session',
    'X_Auth_User',
    'X-Auth_User'
  ]) {
    const request = [
      'GET / HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      `Authorization: Bearer ${access_token}`,
      `${name}: spoofed-1`,
      `${name}: spoofed-2`
    ]
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`${request.join('\r\n')}\r\n\r\n`)
    t.match(await text(socket), /from the app/, name)
  }
  t.equal(received.length, 6)
  for (const { headers, rawHeaders } of received) {
    t.equal(headers['x-auth-user'], user_id)
    t.equal(headers['x-auth-role'], 'user')
    t.notMatch(rawHeaders.join(' '), /spoofed/)
  }
})

t.test('without a good token: 401 in the words of Latchkey, and the app hears nothing', async (t) => {
  const { access_token } = await signUp(app)
  await logOut(app, access_token)
  const spoofed = { 'x-auth-user': 'admin' }
  const cases = [
    [spoofed, 'access_token_missing', 'Bearer realm="latchkey"'],
    [
      { ...spoofed, ...bearer('x') },
      'access_token_invalid',
      'Bearer realm="latchkey", error="invalid_token"'
    ],
    [
      { ...spoofed, ...bearer(access_token) },
      'session_revoked',
      'Bearer realm="latchkey", error="invalid_token"'
    ]
  ] as const
  for (const [headers, code, challenge] of cases) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const response = await fetch(`${url}/orders`, { method, headers })
      t.equal(response.status, 401)
      t.equal(response.headers.get('www-authenticate'), challenge)
      t.match(response.headers.get('content-type'), 'application/problem+json')
      t.match(await response.json(), { code })
    }
  }
  t.equal((await fetch(`${url}/_verify`, { headers: spoofed })).status, 404, 'what asks is not for others')
  t.same(received, [])
})

t.test('no forgery gets through', async (t) => {
  const forged = Object.entries(await forgeries(app))
  for (const [name, token] of forged) {
    const response = await fetch(url, { headers: bearer(token) })
    // nginx itself refuses a header of more than 8 kB.
    t.ok([401, 400].includes(response.status), name)
    await response.body?.cancel()
  }
  t.same(received, [])
})

t.test('100 requests at once with a token that is about to expire: one renewal', async (t) => {
  const { access_token } = await signUp(app)
  const { header, claims } = decode(access_token)
  const now = Math.floor(Date.now() / 1000)
  const ending = signEs256(
    header,
    { ...claims, iat: now - 840, exp: now + 60 },
    await accessTokenKey(app.stores)
  )
  const responses = await Promise.all(
    Array.from({ length: 100 }, () => fetch(url, { headers: bearer(ending) }))
  )
  for (const response of responses) t.equal(await response.text(), 'from the app')
  const renewed = responses.flatMap(({ headers }) => headers.get('x-new-token') ?? [])
  t.equal(renewed.length, 1)
  t.equal((await fetch(url, { headers: bearer(renewed[0] ?? '') })).status, 200)
})

t.test('Latchkey away: 500, nobody is logged out and nobody gets in', async (t) => {
  const { access_token } = await signUp(app)
  await app.close()
  const response = await fetch(url, { headers: bearer(access_token) })
  t.equal(response.status, 500)
  t.same(received, [])
})
