import t from 'tap'
import { bearer, build, password, refreshCookie, signUp, tokensOf, type App } from '../../helper.ts'
import { decode } from '../../forge.ts'
import { isProblem } from '../../problem.ts'

const post = (app: App, payload: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/auth/signup', payload, headers })

const count = async ({ stores }: App, table: string) =>
  (await stores.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n

t.test('a signup makes a user and a session, and answers with tokens', async (t) => {
  const app = await build(t)
  const response = await post(app, { email: 'Ada@Example.com', password, name: 'Ada Lovelace' })
  t.equal(response.statusCode, 201)
  t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(response.headers['cache-control'], 'no-store')

  const body = response.json<Record<string, unknown>>()
  t.same(Object.keys(body), ['access_token', 'token_type', 'expires_in', 'session_id', 'user'])
  t.match(body, { token_type: 'Bearer', expires_in: 900 })
  t.match(body['user'], {
    id: /^[\da-f-]{36}$/,
    email: 'ada@example.com',
    name: 'Ada Lovelace',
    role: 'user',
    email_verified: false,
    created_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
  })

  const { access_token } = tokensOf(response)
  const me = await app.inject({ url: '/auth/me', headers: bearer(access_token) })
  t.same(me.json(), body['user'], 'the same user as /auth/me tells')
})

t.test('the access token has the claims of RFC 9068, and no more of the user than its rights', async (t) => {
  const app = await build(t, { PUBLIC_URL: 'https://id.example.com', AUDIENCE: 'https://api.example.com' })
  const { access_token, session_id, user_id } = await signUp(app)
  const { header, claims } = decode(access_token)
  t.match(header, { alg: 'ES256', typ: 'at+jwt', kid: /^[\w-]{43}$/ })
  t.match(claims, {
    iss: 'https://id.example.com',
    aud: 'https://api.example.com',
    sub: user_id,
    sid: session_id,
    role: 'user',
    email_verified: false,
    amr: ['pwd']
  })
  t.equal(Number(claims['exp']) - Number(claims['iat']), 900)
  t.same(
    Object.keys(claims).sort(),
    [
      'amr',
      'aud',
      'auth_time',
      'client_id',
      'email_verified',
      'exp',
      'iat',
      'iss',
      'jti',
      'role',
      'sid',
      'sub'
    ].sort()
  )
})

t.test('the name may be left out, and is null then', async (t) => {
  const app = await build(t)
  const response = await post(app, { email: 'a@example.com', password })
  t.equal(response.json<{ user: { name: null } }>().user.name, null)
})

t.test('nothing is stored of the password but an argon2id hash, and of the token nothing', async (t) => {
  const app = await build(t)
  const { refresh_token, access_token, session_id } = await signUp(app)
  const { rows } = await app.stores.pool.query<{ row: string; password_hash: string }>(
    `SELECT u.password_hash, u::text || s::text AS row
       FROM users u JOIN sessions s ON s.user_id = u.id`
  )
  t.match(rows[0]?.password_hash, /^\$argon2id\$v=19\$m=19456,(t=2,p=1|p=1,t=2)\$/)
  const stored = `${rows[0]?.row ?? ''} ${JSON.stringify(await app.stores.redis.hgetall(app.stores.key(session_id)))}`
  for (const secret of [password, refresh_token, access_token]) {
    t.notOk(stored.includes(secret))
    t.notOk(stored.includes(secret.split('.').at(-1) ?? secret), 'nor a signature')
  }
})

t.test('a taken address is refused, however it is spelt, and nothing is made', async (t) => {
  const app = await build(t)
  await post(app, { email: 'ada@example.com', password })
  for (const email of ['ada@example.com', 'ADA@EXAMPLE.COM']) {
    const response = await post(app, { email, password })
    isProblem(t, response, 'email_taken')
    t.notOk(response.headers['set-cookie'])
  }
  t.equal(await count(app, 'users'), 1)
  t.equal(await count(app, 'sessions'), 1)
  t.equal((await app.stores.redis.keys(app.stores.key('*').replace('{*}', '*'))).length, 1)
})

t.test('of twenty signups with one address at once, one wins', async (t) => {
  const app = await build(t)
  const responses = await Promise.all(
    Array.from({ length: 20 }, () => post(app, { email: 'ada@example.com', password }))
  )
  const statuses = responses.map(({ statusCode }) => statusCode).sort()
  t.same(statuses, [201, ...Array.from({ length: 19 }, () => 409)])
  t.equal(await count(app, 'sessions'), 1)
})

t.test('bounds of email, password and name, each told by its path', async (t) => {
  const app = await build(t)
  const good = { email: 'a@example.com', password, name: 'A' }
  const refused: [body: object, ...paths: string[]][] = [
    [{}, 'email', 'password'],
    [{ password }, 'email'],
    [{ email: good.email }, 'password'],
    [{ ...good, role: 'admin' }, 'role'],
    [{ ...good, email_verified: true, id: 1 }, 'email_verified', 'id'],
    [{ ...good, email: 'no address' }, 'email'],
    [{ ...good, email: `${'a'.repeat(250)}@example.com` }, 'email'],
    [{ ...good, email: 1 }, 'email'],
    [{ ...good, email: null }, 'email'],
    [{ ...good, email: ['a@example.com'] }, 'email'],
    [{ ...good, password: 'x'.repeat(14) }, 'password'],
    [{ ...good, password: '🔑'.repeat(14) }, 'password'],
    [{ ...good, password: 'x'.repeat(257) }, 'password'],
    [{ ...good, password: 123_456_789_012_345 }, 'password'],
    [{ ...good, name: '' }, 'name'],
    [{ ...good, name: null }, 'name'],
    [{ ...good, name: true }, 'name'],
    [{ ...good, name: 'x'.repeat(201) }, 'name']
  ]
  for (const [body, ...paths] of refused) {
    const { errors = [] } = isProblem(
      t,
      await post(app, body),
      'invalid_request',
      JSON.stringify(body).slice(0, 60)
    )
    t.same([...new Set(errors.map(({ path }) => path))].sort(), [...paths].sort())
  }
  t.equal(await count(app, 'users'), 0)
})

t.test('15 and 256 characters are passwords, counted as code points', async (t) => {
  const app = await build(t)
  const keys = String.fromCodePoint(...Array.from({ length: 15 }, (_, index) => 0x1f510 + index))
  const letters = String.fromCodePoint(...Array.from({ length: 256 }, (_, index) => 0x400 + index))
  for (const [index, chosen] of [keys, letters].entries()) {
    const response = await post(app, { email: `a${String(index)}@example.com`, password: chosen })
    t.equal(response.statusCode, 201)
  }
})

t.test('a form is no way to sign up', async (t) => {
  const app = await build(t)
  const response = await app.inject({
    method: 'POST',
    url: '/auth/signup',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ email: 'a@example.com', password }).toString()
  })
  isProblem(t, response, 'unsupported_media_type')
  t.equal(await count(app, 'users'), 0)
})

t.test('a second signup in one browser keeps the device cookie and gives a new session', async (t) => {
  const app = await build(t)
  const first = await post(app, { email: 'a@example.com', password })
  const device = first.cookies.find(({ name }) => name === '__Host-device')?.value ?? ''
  const second = await post(
    app,
    { email: 'b@example.com', password },
    { cookie: `__Host-device=${device}; ${refreshCookie}=${tokensOf(first).refresh_token}` }
  )
  t.equal(second.cookies.find(({ name }) => name === '__Host-device')?.value, device)
  t.not(tokensOf(second).session_id, tokensOf(first).session_id)
})
