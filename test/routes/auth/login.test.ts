import t from 'tap'
import { bearer, build, codeOf, logIn, password, refresh, signUp, tokensOf } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const app = await build(t)

const post = (payload: object) => app.inject({ method: 'POST', url: '/auth/login', payload })

const postForm = (payload: string) =>
  app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload
  })

t.test('a login makes a session of its own', async (t) => {
  const first = await signUp(app)
  const response = await post({ email: first.email, password })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.same(response.json<{ user: unknown }>().user, first.response.json<{ user: unknown }>().user)
  const second = tokensOf(response)
  t.not(second.session_id, first.session_id)
  t.equal((await refresh(app, first.refresh_token)).statusCode, 200)
  t.equal((await refresh(app, second.refresh_token)).statusCode, 200)
})

t.test('a login by an HTML form is the same', async (t) => {
  const { email } = await signUp(app)
  const response = await postForm(new URLSearchParams({ email, password }).toString())
  t.equal(response.statusCode, 200)
  const { access_token } = tokensOf(response)
  t.equal((await app.inject({ url: '/auth/me', headers: bearer(access_token) })).statusCode, 200)
})

t.test('the address is compared without regard to case and outer blanks', async (t) => {
  const { email } = await signUp(app)
  for (const spelling of [email.toUpperCase(), ` ${email} `]) {
    t.equal((await post({ email: spelling, password })).statusCode, 200)
  }
})

t.test('unknown user and wrong password: the same status, headers and body', async (t) => {
  const { email } = await signUp(app)
  const refusals = [
    await post({ email, password: `${password}x` }),
    await post({ email: 'nobody@example.com', password }),
    await post({ email: 'no address at all', password: 'x' })
  ]
  const shown = refusals.map((response) => {
    const { request_id, ...body } = isProblem(t, response, 'invalid_credentials')
    t.ok(request_id)
    const { date, ...headers } = response.headers
    t.ok(date)
    return { statusCode: response.statusCode, headers: Object.entries(headers), body: Object.entries(body) }
  })
  t.strictSame(shown[1], shown[0])
  t.strictSame(shown[2], shown[0])
})

t.test('a refused login gives no cookie, no session, and ends none', async (t) => {
  const { email, user_id } = await signUp(app)
  const response = await post({ email, password: 'wrong' })
  t.notOk(response.headers['set-cookie'])
  const { rows } = await app.stores.pool.query('SELECT revoked_at FROM sessions WHERE user_id = $1', [
    user_id
  ])
  t.same(rows, [{ revoked_at: null }])
})

t.test('that an account is disabled is told after the right password only', async (t) => {
  const { email, user_id } = await signUp(app)
  await app.stores.pool.query('UPDATE users SET disabled_at = now() WHERE id = $1', [user_id])
  isProblem(t, await post({ email, password: 'wrong' }), 'invalid_credentials')
  const response = await post({ email, password })
  isProblem(t, response, 'account_disabled')
  t.notOk(response.headers['set-cookie'])
  await app.stores.pool.query('UPDATE users SET disabled_at = NULL WHERE id = $1', [user_id])
  t.equal((await post({ email, password })).statusCode, 200)
})

t.test('one password typed as NFC or as NFD', async (t) => {
  const chosen = 'crème brûlée für Zoë'
  t.not(chosen.normalize('NFC'), chosen.normalize('NFD'))
  for (const [form, other] of [
    ['NFC', 'NFD'],
    ['NFD', 'NFC']
  ] as const) {
    const email = `${form.toLowerCase()}@example.com`
    const payload = { email, password: chosen.normalize(form) }
    await app.inject({ method: 'POST', url: '/auth/signup', payload })
    t.equal((await post({ email, password: chosen.normalize(other) })).statusCode, 200, other)
    // But not by what is merely alike (NFKC), nor cut, nor folded.
    for (const wrong of [
      chosen.toUpperCase(),
      chosen.slice(0, -1),
      chosen.normalize('NFD').replace(/\p{M}/gu, '')
    ]) {
      t.equal(codeOf(await post({ email, password: wrong })), 'invalid_credentials')
    }
  }
})

t.test('what is no login', async (t) => {
  const { email } = await signUp(app)
  const bodies = [{}, { email }, { password }, { email, password, remember: true }, { email: '', password }]
  const values = [1, true, null, [], {}, [email], { $ne: '' }]
  for (const body of [
    ...bodies,
    ...values.map((value) => ({ email: value, password })),
    ...values.map((value) => ({ email, password: value })),
    { email, password: '' },
    { email, password: 'x'.repeat(1025) },
    { email: `${'x'.repeat(250)}@example.com`, password }
  ]) {
    isProblem(t, await post(body), 'invalid_request', JSON.stringify(body).slice(0, 70))
  }
})

t.test('what is no login by form', async (t) => {
  const { email } = await signUp(app)
  for (const form of [
    '',
    'email',
    `email=${email}`,
    `email=${email}&password=a&password=b`,
    `email[]=${email}&password=${password}`,
    `email=${email}&password=${password}&remember=1`,
    `email=${email}&password=%FF`,
    `email=${email}&password=%`,
    `__proto__=1&email=${email}&password=a`,
    `email=%00${email}&password=a`
  ]) {
    isProblem(t, await postForm(form), 'invalid_request', form)
  }
})

t.test('a session knows where its login came from, by the proxies that are trusted', async (t) => {
  const app = await build(t, { TRUST_PROXY: '127.0.0.1' })
  const { email } = await signUp(app)
  const from = async (headers: Record<string, string>) => {
    const { session_id } = await logIn(app, email, headers)
    const { rows } = await app.stores.pool.query<{ ip: string | null; user_agent: string | null }>(
      'SELECT host(ip) AS ip, user_agent FROM sessions WHERE id = $1',
      [session_id]
    )
    return rows[0]
  }
  t.match(await from({ 'x-forwarded-for': '203.0.113.7', 'user-agent': 'Ada/1.0' }), {
    ip: '203.0.113.7',
    user_agent: 'Ada/1.0'
  })
  t.match(await from({ 'x-forwarded-for': 'fe80::1%eth0' }), { ip: 'fe80::1' })
  for (const garbage of ['unknown', "'); DROP TABLE users; --", '1.2.3', '203.0.113.7:1234', '%']) {
    t.match(await from({ 'x-forwarded-for': garbage }), { ip: null }, garbage)
  }
  t.equal((await from({ 'user-agent': 'x'.repeat(5000) }))?.user_agent?.length, 500)
})

t.test('without a trusted proxy nobody may say where they come from', async (t) => {
  const { session_id } = await signUp(app, { 'x-forwarded-for': '203.0.113.7' })
  const { rows } = await app.stores.pool.query('SELECT host(ip) AS ip FROM sessions WHERE id = $1', [
    session_id
  ])
  t.same(rows, [{ ip: '127.0.0.1' }])
})
