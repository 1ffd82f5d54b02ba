import t from 'tap'
import { bearer, refresh, signUp, tokensOf } from '../helper.ts'
import { decode } from '../forge.ts'
import { buildWithMail, linkIn } from '../mail.ts'
import { isProblem } from '../problem.ts'

const subject = 'Confirm your email address'

t.test('a signup sends the link, which confirms the address once', async (t) => {
  const { app, post, lastTo, mailsTo } = await buildWithMail(t)
  const { email, access_token, refresh_token } = await signUp(app)
  const { purpose, token } = linkIn(await lastTo(email, subject))
  t.equal(purpose, 'verify_email')
  t.equal(decode(access_token).claims['email_verified'], false)

  t.equal((await post('/auth/verify-email', { token })).statusCode, 204)
  isProblem(t, await post('/auth/verify-email', { token }), 'email_token_invalid')
  const refreshed = tokensOf(await refresh(app, refresh_token))
  t.equal(decode(refreshed.access_token).claims['email_verified'], true, 'nobody is logged out')

  t.equal((await post('/auth/verify-email/send', {}, bearer(refreshed.access_token))).statusCode, 202)
  t.equal((await mailsTo(email)).length, 1, 'who is verified gets no other')
})

t.test(
  'another link on request, the first is worth nothing then, nor is the last once it has expired',
  async (t) => {
    const { app, post, lastTo } = await buildWithMail(t)
    const { email, access_token } = await signUp(app)
    const first = linkIn(await lastTo(email, subject)).token
    t.equal((await post('/auth/verify-email/send', {}, bearer(access_token))).statusCode, 202)
    const second = linkIn(await lastTo(email, subject)).token
    t.not(first, second)
    isProblem(t, await post('/auth/verify-email', { token: first }), 'email_token_invalid')
    await app.stores.pool.query("UPDATE email_tokens SET expires_at = expires_at - interval '24 hours'")
    isProblem(t, await post('/auth/verify-email', { token: second }), 'email_token_invalid')
    isProblem(t, await post('/auth/verify-email/send', {}), 'access_token_missing')

    await app.scope.housekeeping.run()
    const { rows } = await app.stores.pool.query('SELECT FROM email_tokens')
    t.equal(rows.length, 0, 'and is removed')
  }
)
