import t from 'tap'
import { accessTokenKey, decode, signEs256 } from '../../forge.ts'
import { forgeries } from '../../forgeries.ts'
import { bearer, build, signUp } from '../../helper.ts'
import { isProblem } from '../../problem.ts'
import { rawRequest, sendRaw } from '../../raw.ts'

const origin = 'https://app.example.com'
const app = await build(t, { ALLOWED_ORIGINS: origin })
const spoofed = { 'x-auth-user': 'admin', 'x-auth-session': 'x', 'x-auth-role': 'admin' }

t.test('a good token is 204 with who it is, whatever the request says', async (t) => {
  const { access_token, user_id, session_id } = await signUp(app)
  for (const [method, url] of [
    ['GET', '/auth/verify'],
    ['HEAD', '/auth/verify'],
    ['GET', '/auth/verify/orders/1?of=2'],
    ['POST', '/auth/verify/orders'],
    ['PUT', '/auth/verify/orders/1'],
    ['PATCH', '/auth/verify/orders/1'],
    ['DELETE', '/auth/verify/orders/1'],
    ['OPTIONS', '/auth/verify/orders']
  ] as const) {
    const headers = { ...bearer(access_token), ...spoofed, 'content-type': 'image/png' }
    const response = await app.inject({ method, url, headers })
    t.match(
      response,
      {
        statusCode: 204,
        body: '',
        headers: {
          'x-auth-user': user_id,
          'x-auth-session': session_id,
          'x-auth-role': 'user',
          'cache-control': 'no-store'
        }
      },
      `${method} ${url}`
    )
    t.notOk(response.headers['x-new-token'])
  }
})

t.test('a role that no header can carry is percent-encoded', async (t) => {
  const { access_token } = await signUp(app)
  const { header, claims } = decode(access_token)
  const token = signEs256(header, { ...claims, role: 'Zoë\r\nx-evil: 1' }, await accessTokenKey(app.stores))
  const { headers } = await app.inject({ url: '/auth/verify', headers: bearer(token) })
  t.equal(headers['x-auth-role'], 'Zo%C3%AB%0D%0Ax-evil%3A%201')
  t.notOk(headers['x-evil'])
})

t.test('no 204 without a token: not for a preflight, not for a cookie, not for a method', async (t) => {
  const { response, refresh_token } = await signUp(app)
  t.ok(response.headers['set-cookie'])
  const preflight = { origin, 'access-control-request-method': 'POST' }
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    for (const url of ['/auth/verify', '/auth/verify/', '/auth/verify/orders']) {
      for (const headers of [spoofed, preflight, { cookie: `__Host-refresh_token=${refresh_token}` }]) {
        const answer = await app.inject({ method, url, headers })
        t.ok([401, 404].includes(answer.statusCode), `${method} ${url} ${String(answer.statusCode)}`)
        t.notOk(answer.headers['x-auth-user'])
      }
    }
  }
})

t.test('a path that leads elsewhere leads nowhere', async (t) => {
  for (const path of [
    '/auth/verify/../../health/live',
    '/auth/verify//health/live',
    '/auth/verify/%2e%2e/me'
  ]) {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await sendRaw(app, rawRequest(`${method} ${path}`, [`Origin: ${origin}`]))
      t.equal(answer.statusCode, 401, `${method} ${path}`)
    }
  }
})

t.test('forgeries are 401', async (t) => {
  for (const [name, token] of Object.entries(await forgeries(app))) {
    isProblem(
      t,
      await app.inject({ url: '/auth/verify', headers: bearer(token) }),
      'access_token_invalid',
      name
    )
  }
})

t.test('so is a token whose session ended', async (t) => {
  const { access_token } = await signUp(app)
  await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(access_token) })
  isProblem(t, await app.inject({ url: '/auth/verify', headers: bearer(access_token) }), 'session_revoked')
})
