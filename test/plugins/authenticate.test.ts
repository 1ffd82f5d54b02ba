import t from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { bearer, build, codeOf, logIn, refreshCookie, signUp } from '../helper.ts'
import { isProblem } from '../problem.ts'

const id = '01890000-0000-7000-8000-000000000000'
const routes = [
  ['GET', '/auth/me'],
  ['PATCH', '/auth/me'],
  ['GET', '/auth/sessions'],
  ['PATCH', `/auth/sessions/${id}`],
  ['DELETE', `/auth/sessions/${id}`],
  ['DELETE', '/auth/sessions'],
  ['POST', '/auth/logout/all']
] as const

const app = await build(t)

t.test(
  'without a token every route says how to come with one, and names no error (RFC 6750 §3.1)',
  async (t) => {
    const { access_token, refresh_token } = await signUp(app)
    const credentials = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer ' },
      { authorization: access_token },
      { authorization: `Basic ${Buffer.from(`a:${access_token}`).toString('base64')}` },
      { authorization: `Bearer ${access_token} ${access_token}` },
      { cookie: `access_token=${access_token}; ${refreshCookie}=${refresh_token}` }
    ]
    for (const [method, url] of routes) {
      for (const headers of credentials) {
        const response = await app.inject({ method, url, headers })
        isProblem(
          t,
          response,
          'access_token_missing',
          `${method} ${url} ${JSON.stringify(headers).slice(0, 30)}`
        )
        t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey"')
      }
    }
  }
)

t.test('with a bad token every route names the error', async (t) => {
  const { access_token } = await signUp(app)
  await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(access_token) })
  for (const [method, url] of routes) {
    for (const [token, code] of [
      ['x', 'access_token_invalid'],
      [access_token, 'session_revoked']
    ] as const) {
      const response = await app.inject({ method, url, headers: bearer(token) })
      isProblem(t, response, code, `${method} ${url} ${code}`)
      t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey", error="invalid_token"')
    }
  }
})

t.test('a token is taken from the Authorization header only', async (t) => {
  const { access_token } = await signUp(app)
  t.equal(codeOf(await app.inject(`/auth/me?access_token=${access_token}`)), 'access_token_missing')
  const payload = { access_token }
  const inBody = await app.inject({ method: 'POST', url: '/auth/logout/all', payload })
  t.equal(codeOf(inBody), 'access_token_missing')
})

t.test('the scheme is read without regard to case, with any number of blanks', async (t) => {
  const { access_token } = await signUp(app)
  for (const prefix of ['Bearer ', 'bearer ', 'BEARER   ']) {
    const headers = { authorization: `${prefix}${access_token} ` }
    t.equal((await app.inject({ url: '/auth/me', headers })).statusCode, 200)
  }
})

t.test('refused before the body is looked at', async (t) => {
  const response = await app.inject({
    method: 'PATCH',
    url: '/auth/me',
    headers: { 'content-type': 'application/json' },
    payload: '{'
  })
  isProblem(t, response, 'access_token_missing')
})

t.test('what is sensitive asks the record, and does not wait for the news of a revocation', async (t) => {
  const { access_token, session_id, email } = await signUp(app)
  const other = await logIn(app, email)
  await app.stores.pool.query(
    "UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1",
    [session_id]
  )
  for (const [method, url] of [
    ['PATCH', '/auth/me'],
    ['DELETE', `/auth/sessions/${other.session_id}`],
    ['DELETE', '/auth/sessions'],
    ['POST', '/auth/logout/all']
  ] as const) {
    const headers = bearer(access_token)
    const response = await app.inject({ method, url, headers, payload: { name: 'x' } })
    isProblem(t, response, 'session_revoked', `${method} ${url}`)
  }
  const me = await app.inject({ url: '/auth/me', headers: bearer(other.access_token) })
  t.equal(me.json<{ name: string | null }>().name, null)
})

t.test('access tokens are checked without the stores', async (t) => {
  const { app, proxies } = await buildBehindProxies(t)
  const { access_token } = await signUp(app)
  await Promise.all([proxies.postgres.cut(), proxies.redis.cut()])
  const get = (token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })
  isProblem(t, await get('x'), 'access_token_invalid')
  const response = await get(access_token)
  isProblem(t, response, 'temporarily_unavailable', 'only the user is not at hand')
  t.equal(response.headers['retry-after'], '1')
  t.notOk(response.headers['www-authenticate'])
})
