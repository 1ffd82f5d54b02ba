import t from 'tap'
import { password, refresh, tokensOf } from '../helper.ts'
import { buildWithMail, linkIn } from '../mail.ts'
import { isProblem } from '../problem.ts'

const SIGNUP_CONFIRM = true
const subject = 'Finish signing up'

t.test('the account is made by the link and the password of the sign-up', async (t) => {
  const { app, post, lastTo, logged } = await buildWithMail(t, { SIGNUP_CONFIRM })
  const email = 'ada@example.com'
  const answer = await post('/auth/signup', { email: 'Ada@Example.com', password, name: 'Ada' })
  t.equal(answer.statusCode, 202)
  t.same([answer.body, answer.cookies], ['{}', []])
  const mail = await lastTo(email, subject)
  t.notMatch(mail.text, 'Ada\n', 'a name that a stranger may have chosen is in no mail')
  const { token, purpose } = linkIn(mail)
  t.equal(purpose, 'signup')
  isProblem(t, await post('/auth/login', { email, password }), 'invalid_credentials')
  const { rows } = await app.stores.pool.query('SELECT FROM users')
  t.equal(rows.length, 0, 'there is no account yet')

  isProblem(
    t,
    await post('/auth/signup/confirm', { token, password: 'not the one that was chosen' }),
    'invalid_credentials'
  )
  const confirmed = await post('/auth/signup/confirm', { token, password })
  t.equal(confirmed.statusCode, 201)
  t.match(confirmed.json(), { user: { email, name: 'Ada', email_verified: true } })
  t.equal((await refresh(app, tokensOf(confirmed).refresh_token)).statusCode, 200)
  isProblem(t, await post('/auth/signup/confirm', { token, password }), 'email_token_invalid')
  t.equal((await post('/auth/login', { email, password })).statusCode, 200)
  for (const secret of [token, email, password]) t.notOk(logged().includes(secret))
})

t.test('a taken address gets the same answer, and a mail that says so', async (t) => {
  const { app, post, mailsTo, lastTo } = await buildWithMail(t, { SIGNUP_CONFIRM })
  const email = 'ada@example.com'
  const first = await post('/auth/signup', { email, password })
  const { token } = linkIn(await lastTo(email, subject))
  // Somebody else signs up with the address before its owner has confirmed: that keeps nobody away.
  const stranger = 'the password of a stranger'
  await post('/auth/signup', { email, password: stranger })
  const { token: other } = linkIn(await lastTo(email, subject))
  t.equal((await post('/auth/signup/confirm', { token, password })).statusCode, 201)
  isProblem(
    t,
    await post('/auth/signup/confirm', { token: other, password }),
    'invalid_credentials',
    'nor does it give the account to the stranger'
  )
  isProblem(t, await post('/auth/signup/confirm', { token: other, password: stranger }), 'email_taken')

  const again = await post('/auth/signup', { email, password })
  const headers = ({ headers: { date: _, ...rest } }: typeof again) => rest
  t.same([again.statusCode, again.body, headers(again)], [first.statusCode, first.body, headers(first)])
  const mails = await mailsTo(email)
  t.same(
    mails.map(({ subject }) => subject),
    ['Finish signing up', 'Finish signing up', 'You have an account already']
  )
  t.notMatch(mails[2]?.text, /#/)

  await post('/auth/signup', { email: 'late@example.com', password })
  const late = linkIn(await lastTo('late@example.com', subject)).token
  await app.stores.pool.query("UPDATE pending_signups SET expires_at = expires_at - interval '24 hours'")
  isProblem(t, await post('/auth/signup/confirm', { token: late, password }), 'email_token_invalid')
  await app.scope.housekeeping.run()
  t.equal((await app.stores.pool.query('SELECT FROM pending_signups')).rows.length, 0)
})
