import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { bearer, build, codeOf, logIn, password, refresh, signUp, tokensOf, type App } from '../../helper.ts'
import { isProblem } from '../../problem.ts'

const chosen = 'battery staple correct horse'

const change = (app: App, access_token: string, payload: object) =>
  app.inject({ method: 'POST', url: '/auth/password', headers: bearer(access_token), payload })

const logInWith = (app: App, email: string, password: string) =>
  app.inject({ method: 'POST', url: '/auth/login', payload: { email, password } })

const me = (app: App, access_token: string) => app.inject({ url: '/auth/me', headers: bearer(access_token) })

t.test('the new password is the only one, every other session ends, and this one goes on', async (t) => {
  const app = await build(t)
  const other = await build(t, {}, app.stores)
  const { email, access_token, refresh_token, user_id } = await signUp(app)
  const elsewhere = await logIn(app, email)
  const response = await change(app, access_token, { current_password: password, new_password: chosen })
  t.equal(response.statusCode, 204)
  t.equal(response.headers['set-cookie'], undefined)

  t.equal(codeOf(await logInWith(app, email, password)), 'invalid_credentials')
  t.equal((await logInWith(app, email, chosen)).statusCode, 200)
  t.equal(codeOf(await refresh(other, elsewhere.refresh_token)), 'session_revoked')
  t.equal(codeOf(await me(app, elsewhere.access_token)), 'session_revoked')
  t.equal((await me(app, access_token)).statusCode, 200)
  t.equal((await refresh(other, refresh_token)).statusCode, 200)
  const { rows } = await app.stores.pool.query(
    'SELECT revoked_reason FROM sessions WHERE user_id = $1 AND revoked_at IS NOT NULL',
    [user_id]
  )
  t.same(rows, [{ revoked_reason: 'password_changed' }])
})

t.test('a wrong current password changes nothing, and only so many may be tried', async (t) => {
  const app = await build(t, { LOGIN_ATTEMPTS: 3 })
  const { email, access_token } = await signUp(app)
  const body = { current_password: 'a wrong password', new_password: chosen }
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const refused = await change(app, access_token, body)
    isProblem(t, refused, 'invalid_credentials')
    t.equal(refused.headers['www-authenticate'], 'Bearer realm="latchkey"', 'the token is good')
  }
  const refused = await change(app, access_token, { current_password: password, new_password: chosen })
  isProblem(t, refused, 'too_many_attempts')
  t.match(refused.headers['retry-after'], /^[1-9]\d*$/)
  t.equal((await logInWith(app, email, password)).statusCode, 200)
})

t.test('what can not be a password', async (t) => {
  const app = await build(t)
  const { email, access_token } = await signUp(app)
  const with_new = (new_password: unknown) =>
    change(app, access_token, { current_password: password, new_password })
  isProblem(t, await with_new('too short'), 'invalid_request')
  const { errors } = isProblem(t, await with_new(email), 'password_unacceptable')
  t.same(errors, [{ path: '/new_password', message: 'is your email address' }])
  t.equal((await logInWith(app, email, password)).statusCode, 200)
})

t.test('it needs a recent login', async (t) => {
  const app = await build(t, { STEP_UP_MAX_AGE: '10m' })
  const { email, refresh_token, session_id } = await signUp(app)
  await app.stores.pool.query(
    "UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes' WHERE id = $1",
    [session_id]
  )
  const { access_token } = tokensOf(await refresh(app, refresh_token))
  const body = { current_password: password, new_password: chosen }
  isProblem(t, await change(app, access_token, body), 'insufficient_user_authentication')
  t.equal((await logInWith(app, email, password)).statusCode, 200)
})

t.test('without a token, or with one that was revoked: nothing', async (t) => {
  const app = await build(t)
  const { email, access_token, user_id } = await signUp(app)
  const body = { current_password: password, new_password: chosen }
  isProblem(
    t,
    await app.inject({ method: 'POST', url: '/auth/password', payload: body }),
    'access_token_missing'
  )
  await app.stores.pool.query(
    "UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = $1",
    [user_id]
  )
  isProblem(t, await change(app, access_token, body), 'session_revoked')
  t.equal((await logInWith(app, email, password)).statusCode, 200)
})

t.test('of many changes at once one is made, and its password is the one', async (t) => {
  const app = await build(t)
  const { email, access_token } = await signUp(app)
  const wanted = Array.from({ length: 6 }, (_, index) => `${chosen} ${String(index)}`)
  const answers = await Promise.all(
    wanted.map((new_password) => change(app, access_token, { current_password: password, new_password }))
  )
  const made = wanted.filter((_, index) => answers[index]?.statusCode === 204)
  t.equal(made.length, 1)
  for (const password of wanted)
    t.equal((await logInWith(app, email, password)).statusCode, made.includes(password) ? 200 : 401)
})

t.test('a login that proved the old password while it was changed comes too late', async (t) => {
  const app = await build(t)
  const { email, access_token, user_id } = await signUp(app)
  // Between the proof and the session: the other login is held until the password is another one.
  const { passwords } = app.scope
  const verify = passwords.verify.bind(passwords)
  const proved = new EventEmitter()
  passwords.verify = async (...args) => {
    const matches = await verify(...args)
    passwords.verify = verify
    setImmediate(() => proved.emit('proved'))
    await once(proved, 'changed')
    return matches
  }
  const late = logInWith(app, email, password)
  // inject() begins when somebody waits for it.
  const answer = late.then((response) => response)
  await once(proved, 'proved')
  await change(app, access_token, { current_password: password, new_password: chosen })
  proved.emit('changed')
  isProblem(t, await answer, 'invalid_credentials')
  const { rowCount } = await app.stores.pool.query(
    'SELECT FROM sessions WHERE user_id = $1 AND revoked_at IS NULL',
    [user_id]
  )
  t.equal(rowCount, 1)
})
