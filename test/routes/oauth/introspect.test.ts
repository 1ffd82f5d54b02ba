import t from 'tap'
import { buildBehindProxies } from '../../behind-proxies.ts'
import { decode } from '../../forge.ts'
import { bearer, build, refresh, refreshNative, signUp, tokensOf } from '../../helper.ts'
import { basic, introspect, makeClient, postForm } from '../../oauth.ts'

const inactive = { active: false }

t.test('an access token: its claims, and what the record says of the user now', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  const { access_token, user_id } = await signUp(app)
  const { claims } = decode(access_token)
  const response = await postForm(app, '/oauth/introspect', { token: access_token }, basic(client))
  t.equal(response.headers['cache-control'], 'no-store')
  t.same(response.json(), { active: true, token_use: 'access_token', token_type: 'Bearer', ...claims })

  await app.stores.pool.query("UPDATE users SET role = 'admin' WHERE id = $1", [user_id])
  t.match(await introspect(app, client, access_token), { active: true, role: 'admin' })
})

t.test('a refresh token: the newest one only, by either transport, and asking uses nothing up', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  const browser = await signUp(app)
  const native = await signUp(app, { 'x-client': 'native' })
  for (const { refresh_token, session_id, user_id } of [browser, native]) {
    const answer = await introspect(app, client, refresh_token)
    t.match(answer, { active: true, token_use: 'refresh_token', sub: user_id, sid: session_id })
    t.notOk('token_type' in answer || 'aud' in answer, 'nobody can take it for an access token')
  }
  const next = tokensOf(await refresh(app, browser.refresh_token))
  t.same(await introspect(app, client, browser.refresh_token), inactive, 'the parent is no credential')
  t.match(await introspect(app, client, next.refresh_token), { active: true })
  t.equal((await refresh(app, next.refresh_token)).statusCode, 200)

  // Redis forgot: the record knows enough.
  await app.scope.sessionJournal.flush()
  await app.stores.redis.del(app.stores.key(native.session_id))
  t.match(await introspect(app, client, native.refresh_token), { active: true })
  t.equal((await refreshNative(app, native.refresh_token)).statusCode, 200)
})

t.test('whatever is not good shows nothing but that', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  const [ended, disabled, gone] = [await signUp(app), await signUp(app), await signUp(app)]
  await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(ended.access_token) })
  await app.stores.pool.query('UPDATE users SET disabled_at = now() WHERE id = $1', [disabled.user_id])
  await app.stores.pool.query('DELETE FROM users WHERE id = $1', [gone.user_id])
  const unknown = ['x', 'a.b.c', client.secret, `${ended.access_token}x`]
  const tokens = [ended, disabled, gone].flatMap(({ access_token, refresh_token }) => [
    access_token,
    refresh_token
  ])
  for (const token of [...tokens, ...unknown]) t.same(await introspect(app, client, token), inactive)
})

t.test('only who is known may ask', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  const { access_token: token } = await signUp(app)
  const { id, secret } = client
  const other = await makeClient(app)

  for (const form of [
    { token, client_id: id, client_secret: secret },
    { token, token_type_hint: 'access_token', client_id: id, client_secret: secret }
  ])
    t.match((await postForm(app, '/oauth/introspect', form)).json(), { active: true }, 'in the form')
  t.match(
    (await postForm(app, '/oauth/introspect', { token, client_id: id }, basic(client))).json(),
    { active: true },
    'a client_id beside its own header proves nothing, and harms nothing'
  )

  const refused = {
    'no credentials': [{ token }, {}],
    'a client_id alone': [{ token, client_id: id }, {}],
    'a wrong secret': [{ token, client_id: id, client_secret: other.secret }, {}],
    'an unknown client': [{ token, client_id: 'nobody', client_secret: secret }, {}],
    'a wrong secret, Basic': [{ token }, basic({ id, secret: other.secret })],
    'an access token': [{ token }, bearer(token)],
    'no Basic credentials': [{ token }, { authorization: 'Basic' }],
    'no colon': [{ token }, { authorization: `Basic ${Buffer.from(id).toString('base64')}` }],
    'no encoding': [{ token }, { authorization: `Basic ${Buffer.from('%zz:x').toString('base64')}` }]
  } as const
  for (const [name, [form, headers]] of Object.entries(refused)) {
    const response = await postForm(app, '/oauth/introspect', form, headers)
    t.equal(response.statusCode, 401, name)
    t.equal(response.headers['www-authenticate'], 'Basic realm="latchkey"')
    t.match(response.json(), { error: 'invalid_client' })
  }

  const twice = await postForm(
    app,
    '/oauth/introspect',
    { token, client_id: id, client_secret: secret },
    basic(client)
  )
  t.equal(twice.statusCode, 400, 'RFC 6749 §2.3: one method in a request')
  t.match(twice.json(), { error: 'invalid_request' })

  t.ok(await app.scope.oauthClients.remove(id))
  const removed = await postForm(app, '/oauth/introspect', { token }, basic(client))
  t.equal(removed.statusCode, 401, 'from its removal on')
  t.match(await introspect(app, other, token), { active: true })
})

t.test('secrets are not stored, and the last use is', async (t) => {
  const app = await build(t)
  const client = await makeClient(app)
  await introspect(app, client, 'x')
  await app.close()
  const { rows } = await app.stores.pool.query<{ row: string; last_used_at: Date | null }>(
    'SELECT to_jsonb(oauth_clients)::text AS row, last_used_at FROM oauth_clients'
  )
  t.equal(rows.length, 1)
  t.notMatch(rows[0]?.row, client.secret)
  t.ok(rows[0]?.last_used_at)
})

t.test('a store that is away says nothing about a token', async (t) => {
  const { app, proxies } = await buildBehindProxies(t)
  const client = await makeClient(app)
  const { access_token, refresh_token } = await signUp(app)
  await proxies.redis.cut()
  t.match(await introspect(app, client, access_token), { active: true }, 'the record is enough')
  const ask = (token: string) => postForm(app, '/oauth/introspect', { token }, basic(client))
  const withoutRedis = await ask(refresh_token)
  await proxies.postgres.cut()
  for (const response of [withoutRedis, await ask(access_token)]) {
    t.equal(response.statusCode, 503)
    t.equal(response.headers['retry-after'], '1')
    t.match(response.json(), { error: 'temporarily_unavailable' })
  }
})
