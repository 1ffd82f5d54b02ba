import t from 'tap'
import { buildBehindProxies } from '../../behind-proxies.ts'
import { bearer, build, codeOf, refreshNative, signUp } from '../../helper.ts'
import { basic, makeClient, postForm } from '../../oauth.ts'

t.test('a token of either kind ends its session', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  for (const kind of ['refresh_token', 'access_token'] as const) {
    for (const headers of [basic(client), {}]) {
      const session = await signUp(app, { 'x-client': 'native' })
      const form = { token: session[kind], token_type_hint: kind }
      const response = await postForm(app, '/oauth/revoke', form, headers)
      t.equal(response.statusCode, 200, kind)
      t.equal(response.body, '')
      t.equal(codeOf(await refreshNative(app, session.refresh_token)), 'session_revoked')
      const me = await app.inject({ url: '/auth/me', headers: bearer(session.access_token) })
      t.equal(codeOf(me), 'session_revoked')
      const again = await postForm(app, '/oauth/revoke', form, headers)
      t.equal(again.statusCode, 200, 'a second time it is nothing')
    }
  }
})

t.test('an unknown token is 200 too, a wrong client or request is not', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  const { access_token: token } = await signUp(app)
  const revoke = (form: Record<string, string>, headers = {}) => postForm(app, '/oauth/revoke', form, headers)
  for (const unknown of ['x', 'a.b.c', `${token}x`])
    t.equal((await revoke({ token: unknown })).statusCode, 200)
  const wrong = await revoke({ token }, basic({ ...client, secret: 'x' }))
  t.equal(wrong.statusCode, 401)
  t.match(wrong.json(), { error: 'invalid_client' })
  t.match((await revoke({ token_type_hint: 'access_token' })).json(), { error: 'invalid_request' })
  const me = await app.inject({ url: '/auth/me', headers: bearer(token) })
  t.equal(me.statusCode, 200, 'none of them ended anything')
})

t.test('200 only where it is true', async (t) => {
  const { app, proxies } = await buildBehindProxies(t)
  const { refresh_token } = await signUp(app, { 'x-client': 'native' })
  await proxies.postgres.cut()
  const response = await postForm(app, '/oauth/revoke', { token: refresh_token })
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '1')
  t.match(response.json(), { error: 'temporarily_unavailable' })
})
