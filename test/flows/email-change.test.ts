import t from 'tap'
import { bearer, codeOf, logIn, password, refresh, signUp } from '../helper.ts'
import { buildWithMail, linkIn } from '../mail.ts'
import { isProblem } from '../problem.ts'

const subject = 'Confirm your new email address'

t.test('both addresses are told, the new one confirms, other sessions end', async (t) => {
  const { app, post, lastTo, mailsTo } = await buildWithMail(t)
  const asking = await signUp(app)
  const other = await logIn(app, asking.email, { 'x-client': 'native', 'x-device-id': 'a-phone' })
  const email = 'new@example.com'

  const answer = await post('/auth/email', { email: 'New@Example.com' }, bearer(asking.access_token))
  t.equal(answer.statusCode, 202)
  const { token, purpose } = linkIn(await lastTo(email, subject))
  t.equal(purpose, 'email_change')
  const notice = await lastTo(asking.email, 'A new email address was asked for')
  t.match(notice.text, email)
  t.equal(
    (await refresh(app, asking.refresh_token)).json<{ user: { email: string } }>().user.email,
    asking.email
  )

  t.equal((await post('/auth/email/confirm', { token })).statusCode, 204)
  isProblem(t, await post('/auth/email/confirm', { token }), 'email_token_invalid')
  for (const address of [asking.email, email])
    t.equal((await mailsTo(address, 'Your email address was changed')).length, 1)

  const { rows } = await app.stores.pool.query<{ id: string; reason: string | null }>(
    'SELECT id, revoked_reason AS reason FROM sessions ORDER BY created_at'
  )
  t.same(rows, [
    { id: asking.session_id, reason: null },
    { id: other.session_id, reason: 'email_changed' }
  ])
  const me = await app.inject({ url: '/auth/me', headers: bearer(asking.access_token) })
  t.match(me.json(), { email, email_verified: true })
  t.equal(codeOf(await post('/auth/login', { email: asking.email, password })), 'invalid_credentials')
  t.equal((await logIn(app, email)).user_id, asking.user_id)

  const before = (await mailsTo(asking.email)).length
  await post('/auth/password/forgot', { email: asking.email })
  t.equal((await mailsTo(asking.email)).length, before, 'the old address is nobody now')
})

t.test('a taken address is answered the same, and told by mail', async (t) => {
  const { app, post, lastTo } = await buildWithMail(t)
  const { access_token } = await signUp(app)
  const { email: taken } = await signUp(app)
  const free = await post('/auth/email', { email: 'free@example.com' }, bearer(access_token))
  const answer = await post('/auth/email', { email: taken }, bearer(access_token))
  t.same([answer.statusCode, answer.body], [free.statusCode, free.body])
  const mail = await lastTo(taken, 'This address has an account already')
  t.notMatch(mail.text, /#/, 'without a link')

  // Taken in between.
  const { token } = linkIn(await lastTo('free@example.com', subject))
  await app.stores.pool.query("UPDATE users SET email = 'free@example.com' WHERE email = $1", [taken])
  isProblem(t, await post('/auth/email/confirm', { token }), 'email_taken')
})

t.test('needs a recent login, and the session that asked', async (t) => {
  const { app, post, lastTo } = await buildWithMail(t)
  const { access_token, user_id, session_id } = await signUp(app)
  const ask = (email: string) => post('/auth/email', { email }, bearer(access_token))

  await ask('new@example.com')
  const { token } = linkIn(await lastTo('new@example.com', subject))
  const by = { ip: null, user_agent: null }
  const change = { reason: 'password_changed' as const, except: session_id }
  await app.scope.credentials.changePassword(user_id, 'changed by the user', by, change)
  isProblem(
    t,
    await post('/auth/email/confirm', { token }),
    'email_token_invalid',
    'the password was changed'
  )

  await ask('new@example.com')
  const second = linkIn(await lastTo('new@example.com', subject)).token
  // By its owner, say, who was told of it at the old address.
  await app.scope.sessions.revokeAll(user_id, 'ended_by_user', by)
  isProblem(
    t,
    await post('/auth/email/confirm', { token: second }),
    'email_token_invalid',
    'the session ended'
  )
  isProblem(t, await ask('new@example.com'), 'session_revoked')

  const { refresh_token } = await signUp(app)
  await app.stores.pool.query(
    "UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes'"
  )
  const { access_token: old } = (await refresh(app, refresh_token)).json<{ access_token: string }>()
  const response = await post('/auth/email', { email: 'new@example.com' }, bearer(old))
  isProblem(t, response, 'insufficient_user_authentication')
})
