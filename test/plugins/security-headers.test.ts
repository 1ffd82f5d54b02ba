import t from 'tap'
import { bearer, build, password, refresh, refreshCookie, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'

const allowed = 'https://app.example.com'
const other = 'https://admin.example.com'

const corsHeaders = (headers: object) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('access-control-') || name === 'vary')
  )

const preflight = (app: App, origin: string, url = '/auth/refresh') =>
  app.inject({
    method: 'OPTIONS',
    url,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,x-evil'
    }
  })

t.test('CORS names an origin of the list, and never any other', async (t) => {
  const app = await build(t, { ALLOWED_ORIGINS: `${allowed},${other}` })
  const { refresh_token } = await signUp(app)
  for (const origin of [allowed, other]) {
    t.same(corsHeaders((await refresh(app, refresh_token, { origin })).headers), {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'retry-after, www-authenticate, x-new-token'
    })
  }
  for (const origin of [
    'https://evil.example.com',
    'null',
    `${allowed}.evil.com`,
    'https://app-example.com',
    '*',
    ''
  ]) {
    for (const { headers } of [await preflight(app, origin), await refresh(app, refresh_token, { origin })]) {
      t.notOk(headers['access-control-allow-origin'], origin)
      t.match(headers.vary, /\bOrigin\b/)
    }
  }
})

t.test('an error is readable for an allowed origin too', async (t) => {
  const app = await build(t, { ALLOWED_ORIGINS: allowed })
  const payload = { email: 'nobody@example.com', password }
  const response = await app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: { origin: allowed },
    payload
  })
  isProblem(t, response, 'invalid_credentials')
  t.equal(response.headers['access-control-allow-origin'], allowed)
})

t.test('a preflight tells what is allowed, and no more because it was asked for', async (t) => {
  const app = await build(t, { ALLOWED_ORIGINS: allowed })
  for (const url of ['/auth/refresh', '/auth/sessions', '/nowhere']) {
    const response = await preflight(app, allowed, url)
    t.equal(response.statusCode, 204)
    t.equal(response.body, '')
    t.same(corsHeaders(response.headers), {
      vary: 'Origin',
      'access-control-allow-origin': allowed,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'retry-after, www-authenticate, x-new-token',
      'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
      'access-control-allow-headers': 'authorization, content-type, idempotency-key, x-client, x-device-id',
      'access-control-max-age': '600'
    })
  }
})

t.test('an OPTIONS that is no preflight has nothing to say', async (t) => {
  const app = await build(t, { ALLOWED_ORIGINS: allowed })
  const response = await app.inject({ method: 'OPTIONS', url: '/auth/me' })
  t.equal(response.statusCode, 204)
  t.equal(response.body, '')
})

t.test('without ALLOWED_ORIGINS there is no CORS at all', async (t) => {
  const app = await build(t)
  const { refresh_token } = await signUp(app)
  isProblem(t, await preflight(app, allowed), 'not_found')
  for (const origin of [allowed, 'http://localhost:3000']) {
    const { headers } = await refresh(app, refresh_token, { origin })
    t.same(corsHeaders(headers), {}, origin)
  }
})

t.test('every answer has the security headers', async (t) => {
  const app = await build(t)
  const { access_token, refresh_token } = await signUp(app)
  const requests = [
    app.inject({ url: '/auth/me', headers: bearer(access_token) }),
    app.inject('/nowhere'),
    app.inject({ method: 'POST', url: '/auth/login', payload: '{' }),
    app.inject('/.well-known/jwks.json'),
    app.inject({
      method: 'POST',
      url: '/auth/logout',
      headers: { cookie: `${refreshCookie}=${refresh_token}` }
    })
  ]
  for (const { headers } of await Promise.all(requests)) {
    t.match(headers, {
      'content-security-policy':
        "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY'
    })
    t.notOk(headers['strict-transport-security'], 'not on http://localhost')
    t.notOk(headers['cross-origin-opener-policy'], 'which is for documents')
    t.notOk(headers['x-powered-by'])
    t.notOk(headers.server)
  }
})

t.test('no window keeps a hold on a page', async (t) => {
  const app = await build(t, { NODE_ENV: 'development', DEMO: 'true' })
  for (const url of ['/', '/auth/confirm', '/docs/', '/dev/outbox']) {
    const { headers } = await app.inject({ url, headers: { accept: 'text/html' } })
    t.match(headers['content-type'], 'text/html', url)
    t.equal(headers['cross-origin-opener-policy'], 'same-origin', url)
  }
})

t.test('production pins browsers to HTTPS', async (t) => {
  const app = await build(t, { NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' })
  const { headers } = await app.inject('/health/live')
  t.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
})

t.test('answers with a token or with personal data are kept by no cache', async (t) => {
  const app = await build(t)
  const { email, access_token, refresh_token, session_id, response } = await signUp(app)
  const headers = bearer(access_token)
  const answers = [
    response,
    await app.inject({ method: 'POST', url: '/auth/login', payload: { email, password } }),
    await refresh(app, refresh_token),
    await app.inject({ url: '/auth/me', headers }),
    await app.inject({ method: 'PATCH', url: '/auth/me', headers, payload: { name: 'Ada' } }),
    await app.inject({ url: '/auth/sessions', headers }),
    await app.inject({
      method: 'PATCH',
      url: `/auth/sessions/${session_id}`,
      headers,
      payload: { label: 'x' }
    })
  ]
  for (const answer of answers) {
    t.ok(answer.statusCode < 300)
    t.equal(answer.headers['cache-control'], 'no-store')
  }
})
