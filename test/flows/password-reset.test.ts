import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { bearer, logIn, password, refresh, refreshNative, signUp } from '../helper.ts'
import { buildWithMail, linkIn } from '../mail.ts'
import { isProblem } from '../problem.ts'

const new_password = 'an entirely new password'

t.test('by the link of a mail, once; every session ends', async (t) => {
  const { app, post, lastTo, mailsTo, logged } = await buildWithMail(t)
  const browser = await signUp(app)
  const { email } = browser
  const phone = await logIn(app, email, { 'x-client': 'native', 'x-device-id': 'a-phone' })

  t.equal((await post('/auth/password/forgot', { email: email.toUpperCase() })).statusCode, 202)
  const mail = await lastTo(email, 'Choose a new password')
  t.equal(mail.from?.text, '"Latchkey" <accounts@example.com>')
  t.equal(mail.headers.get('auto-submitted'), 'auto-generated')
  const { url, purpose, token } = linkIn(mail)
  t.equal(purpose, 'password_reset')
  t.match(token, /^[\w-]{43}$/)
  t.match(url, /^http:\/\/localhost:3000\/auth\/confirm#purpose=password_reset&token=[\w-]{43}$/)

  const { rows: stored } = await app.stores.pool.query<{ row: string }>(
    'SELECT email_tokens::text AS row FROM email_tokens UNION ALL SELECT mails::text FROM mails'
  )
  t.equal(stored.length, 2, 'of the verification at signup, and this one')
  t.notOk(JSON.stringify(stored).includes(token))

  // What a scanner of mail does.
  for (const method of ['GET', 'HEAD'] as const)
    t.equal((await app.inject({ method, url: '/auth/confirm' })).statusCode, 200)
  isProblem(
    t,
    await post('/auth/password/reset', { token, new_password: 'short' }),
    'invalid_request',
    'a password that is none uses nothing up'
  )

  const response = await post('/auth/password/reset', { token, new_password })
  t.equal(response.statusCode, 204)
  t.same(
    response.cookies.map(({ name }) => name),
    ['__Host-device'],
    'and logs nobody in'
  )
  isProblem(t, await post('/auth/password/reset', { token, new_password }), 'email_token_invalid')

  isProblem(t, await refresh(app, browser.refresh_token), 'session_revoked')
  isProblem(t, await refreshNative(app, phone.refresh_token, { 'x-device-id': 'a-phone' }), 'session_revoked')
  isProblem(t, await app.inject({ url: '/auth/me', headers: bearer(phone.access_token) }), 'session_revoked')
  const { rows } = await app.stores.pool.query<{ reason: string }>(
    'SELECT DISTINCT revoked_reason AS reason FROM sessions'
  )
  t.same(rows, [{ reason: 'password_reset' }])

  isProblem(t, await post('/auth/login', { email, password }), 'invalid_credentials')
  const login = await post('/auth/login', { email, password: new_password })
  t.match(login.json(), { user: { email, email_verified: true } }, 'the address is proved as well')
  const subjects = (await mailsTo(email)).map(({ subject }) => subject)
  t.ok(subjects.includes('Your password was changed'))

  for (const secret of [token, email, new_password]) t.notOk(logged().includes(secret), 'not in the log')
})

t.test('links that are worth nothing any more', async (t) => {
  const { app, post, lastTo } = await buildWithMail(t)
  const { email, user_id, access_token } = await signUp(app)
  const { pool } = app.stores
  const forgot = async () => {
    await post('/auth/password/forgot', { email })
    return linkIn(await lastTo(email, 'Choose a new password')).token
  }
  const isRefused = async (token: string, why: string) => {
    isProblem(t, await post('/auth/password/reset', { token, new_password }), 'email_token_invalid', why)
  }

  const first = await forgot()
  const second = await forgot()
  await isRefused(first, 'another one was sent')

  await pool.query('UPDATE email_tokens SET expires_at = now()')
  await isRefused(second, 'expired')

  await post('/auth/verify-email/send', {}, bearer(access_token))
  await isRefused(linkIn(await lastTo(email, 'Confirm your email address')).token, 'for another purpose')
  isProblem(t, await post('/auth/verify-email', { token: await forgot() }), 'email_token_invalid')
  isProblem(t, await post('/auth/email/confirm', { token: await forgot() }), 'email_token_invalid')

  const third = await forgot()
  await app.scope.credentials.changePassword(
    user_id,
    'changed by the user',
    { ip: null, user_agent: null },
    { reason: 'password_changed' }
  )
  await isRefused(third, 'the password was changed since')
  await isRefused('x'.repeat(43), 'never sent')

  const fourth = await forgot()
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => post('/auth/password/reset', { token: fourth, new_password }))
  )
  t.same(answers.map(({ statusCode }) => statusCode).sort(), [204, 400, 400, 400, 400], 'once, at once too')

  const fifth = await forgot()
  await pool.query('DELETE FROM users WHERE id = $1', [user_id])
  await isRefused(fifth, 'the user is gone')
})

/** All that a client sees, but what is another one at every request. */
const seen = ({ statusCode, headers, rawPayload }: LightMyRequestResponse) => ({
  statusCode,
  headers: Object.entries(headers).filter(([name]) => name !== 'date'),
  body: rawPayload.toString('hex')
})

t.test('the answer does not tell whether there is an account', async (t) => {
  const { app, post, mailsTo } = await buildWithMail(t)
  const { email, user_id } = await signUp(app)
  const times: Record<string, number[]> = { known: [], unknown: [] }
  const answers: object[] = []
  for (let round = 0; round < 40; round += 1) {
    for (const [kind, address] of [
      ['known', email],
      ['unknown', `nobody-${String(round)}@example.com`]
    ] as const) {
      const start = performance.now()
      answers.push(seen(await post('/auth/password/forgot', { email: address })))
      times[kind]?.push(performance.now() - start)
    }
  }
  for (const answer of answers) t.same(answer, answers[0])
  for (const [kind, measured] of Object.entries(times)) {
    const median = measured.sort((one, other) => one - other)[measured.length / 2]
    t.comment(`${kind}: ${String(median?.toFixed(2))} ms, the median of ${String(measured.length)}`)
  }
  t.ok((await mailsTo(email)).length > 0)
  t.same(await mailsTo('nobody-0@example.com'), [], 'and who has none gets no mail')

  await app.stores.pool.query('UPDATE users SET disabled_at = now() WHERE id = $1', [user_id])
  const before = (await mailsTo(email)).length
  t.same(seen(await post('/auth/password/forgot', { email })), answers[0])
  t.equal((await mailsTo(email)).length, before, 'nor does who may not log in')
})
