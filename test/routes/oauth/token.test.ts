import t from 'tap'
import { buildBehindProxies } from '../../behind-proxies.ts'
import { bearer, build, deviceCookie, password, refreshNative, signUp } from '../../helper.ts'
import { basic, makeClient, postForm } from '../../oauth.ts'

interface TokenAnswer {
  access_token: string
  refresh_token: string
}

const native = { 'x-client': 'native' }
const grant = (refresh_token: string) => ({ grant_type: 'refresh_token', refresh_token })

t.test('a native session is refreshed', async (t) => {
  const app = await build(t)
  const { refresh_token, user_id } = await signUp(app, native)
  const response = await postForm(app, '/oauth/token', grant(refresh_token))
  t.equal(response.statusCode, 200)
  // RFC 6749 §5.1
  t.match(response.headers, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    pragma: 'no-cache'
  })
  const answer = response.json<TokenAnswer>()
  t.same(Object.keys(answer), ['access_token', 'token_type', 'expires_in', 'refresh_token'])
  t.match(answer, { token_type: 'Bearer', expires_in: 900 })
  t.not(answer.refresh_token, refresh_token)
  const me = await app.inject({ url: '/auth/me', headers: bearer(answer.access_token) })
  t.match(me.json(), { id: user_id })

  const replay = await postForm(app, '/oauth/token', grant(refresh_token))
  t.equal(replay.json<TokenAnswer>().refresh_token, answer.refresh_token, 'the same rules as /auth/refresh')
  t.equal((await refreshNative(app, answer.refresh_token)).statusCode, 200, 'and the same session')
})

t.test('a lost answer is given again to the same attempt', async (t) => {
  const app = await build(t, { REFRESH_OVERLAP: '0' })
  const { refresh_token } = await signUp(app, native)
  const attempt = { 'idempotency-key': 'the attempt' }
  const first = await postForm(app, '/oauth/token', grant(refresh_token), attempt)
  const second = await postForm(app, '/oauth/token', grant(refresh_token), attempt)
  t.equal(second.json<TokenAnswer>().refresh_token, first.json<TokenAnswer>().refresh_token)
})

t.test('what ends a session is invalid_grant, and so is what is none', async (t) => {
  const app = await build(t)
  const browser = await signUp(app)
  const reused = await signUp(app, native)
  const old = reused.refresh_token
  await postForm(app, '/oauth/token', grant(old))
  await app.stores.age(reused.session_id, 60_000)
  const loggedOut = await signUp(app, native)
  await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(loggedOut.refresh_token) })
  const onDevice = await signUp(app, { ...native, 'x-device-id': 'one' })
  const disabled = await signUp(app, native)
  await app.stores.pool.query('UPDATE users SET disabled_at = now() WHERE id = $1', [disabled.user_id])

  const refusals = {
    refresh_token_reused: old,
    refresh_token_invalid: 'x',
    session_revoked: loggedOut.refresh_token,
    wrong_transport: browser.refresh_token,
    device_changed: onDevice.refresh_token,
    account_disabled: disabled.refresh_token
  }
  for (const [code, refresh_token] of Object.entries(refusals)) {
    const response = await postForm(app, '/oauth/token', grant(refresh_token))
    t.equal(response.statusCode, 400, code)
    t.equal(response.headers['cache-control'], 'no-store')
    const { error, error_uri, error_description } = response.json<Record<string, string>>()
    t.equal(error, 'invalid_grant')
    t.equal(error_uri, `http://localhost:3000/docs#${code}`)
    t.match(error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, 'RFC 6749 §5.2')
  }
  t.equal(
    (await app.inject({ url: '/auth/me', headers: bearer(browser.access_token) })).statusCode,
    200,
    'a token that came the wrong way ends nothing'
  )
  const named = await postForm(app, '/oauth/token', grant(onDevice.refresh_token), { 'x-device-id': 'one' })
  t.equal(named.statusCode, 200)
})

t.test('what is wrong with a request is named, and the session goes on', async (t) => {
  const app = await build(t)
  const { refresh_token } = await signUp(app, native)
  const good = grant(refresh_token)
  const requests = {
    unsupported_grant_type: [{ ...good, grant_type: 'password', username: 'ada', password }],
    invalid_scope: [{ ...good, scope: 'openid' }],
    invalid_request: [
      { refresh_token },
      { grant_type: 'refresh_token' },
      { grant_type: 'refresh_token', refresh_token: '' },
      [...Object.entries(good), ['refresh_token', refresh_token]] as [string, string][],
      { ...good, client_secret: 'without an id' }
    ]
  }
  for (const [error, forms] of Object.entries(requests)) {
    for (const form of forms) {
      const response = await postForm(app, '/oauth/token', form)
      t.equal(response.statusCode, 400)
      t.match(response.json(), { error }, JSON.stringify(form))
    }
  }
  for (const payload of [JSON.stringify(good), undefined]) {
    const headers = payload ? { 'content-type': 'application/json' } : {}
    const response = await app.inject({
      method: 'POST',
      url: '/oauth/token',
      headers,
      ...(payload ? { payload } : {})
    })
    t.equal(response.statusCode, 400, 'a form, and nothing else')
    t.match(response.json(), { error: 'invalid_request' })
  }
  const unknown = await postForm(app, '/oauth/token', {
    ...good,
    scope: '',
    resource: 'x',
    client_id: 'an app'
  })
  t.equal(unknown.statusCode, 200, 'RFC 6749 §3.2: empty and unknown parameters are ignored')
})

t.test('a client that shows credentials is checked by them', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  const { refresh_token } = await signUp(app, native)
  const wrong = await postForm(app, '/oauth/token', grant(refresh_token), basic({ ...client, secret: 'x' }))
  t.equal(wrong.statusCode, 401)
  t.match(wrong.json(), { error: 'invalid_client' })
  t.equal((await postForm(app, '/oauth/token', grant(refresh_token), basic(client))).statusCode, 200)
})

t.test('no cookie is read or set', async (t) => {
  const app = await build(t)
  const { refresh_token, response } = await signUp(app)
  const cookie = response.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  t.match(cookie, deviceCookie)
  const answer = await postForm(app, '/oauth/token', { grant_type: 'refresh_token' }, { cookie })
  t.match(answer.json(), { error: 'invalid_request' })
  t.notOk(answer.headers['set-cookie'])
  t.ok(refresh_token)
})

t.test('a store that is away is never an invalid_grant', async (t) => {
  for (const store of ['postgres', 'redis'] as const) {
    const { app, proxies } = await buildBehindProxies(t)
    const { refresh_token } = await signUp(app, native)
    await proxies[store].cut()
    const response = await postForm(app, '/oauth/token', grant(refresh_token))
    t.equal(response.statusCode, 503, store)
    t.equal(response.headers['retry-after'], '1')
    t.match(response.json(), { error: 'temporarily_unavailable' })
  }
})

t.test('too many refreshes', async (t) => {
  const app = await build(t, { REFRESH_RATE: '1' })
  const { refresh_token } = await signUp(app, native)
  const next = (await postForm(app, '/oauth/token', grant(refresh_token))).json<TokenAnswer>()
  const response = await postForm(app, '/oauth/token', grant(next.refresh_token))
  t.equal(response.statusCode, 429)
  t.ok(Number(response.headers['retry-after']) > 0)
  t.match(response.json(), { error: 'temporarily_unavailable' })
})
