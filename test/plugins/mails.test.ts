import type { SMTPServerOptions } from 'smtp-server'
import t from 'tap'
import { build, deviceCookie, logIn, makeStores, password, signUp } from '../helper.ts'
import { buildWithMail, linkIn } from '../mail.ts'
import { isProblem } from '../problem.ts'
import { startSmtp } from '../smtp.ts'
import { until } from '../stores/until.ts'

const iPhone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1'

t.test('a sign-in on a new device is told, and no other', async (t) => {
  const subject = 'New sign-in to your account'
  const { app, mailsTo, lastTo } = await buildWithMail(t)
  const { email, response } = await signUp(app)
  const device = response.cookies.find(({ name }) => name === deviceCookie)?.value ?? ''
  await logIn(app, email, { cookie: `${deviceCookie}=${device}` })
  t.equal((await mailsTo(email)).length, 1, 'the one that confirms the address')

  await logIn(app, email, { 'user-agent': iPhone, 'x-client': 'native', 'x-device-id': 'a-phone' })
  const notice = await lastTo(email, subject)
  t.match(
    notice.text,
    /Time: \d{4}-\d\d-\d\d \d\d:\d\d UTC\nDevice: Safari on iOS\nNetwork: 127\.0\.0\.0\/24\n/
  )
  t.match(notice.html, 'Device: Safari on iOS')

  await logIn(app, email, { 'x-client': 'native', 'x-device-id': 'a-phone' })
  t.equal((await mailsTo(email)).length, 2)
  await logIn(app, email, { 'user-agent': 'Win a prize at https://evil.example/1 now' })
  t.match(
    (await lastTo(email, subject)).text,
    'Device: an unknown program\n',
    'what strangers choose is in no mail'
  )
})

t.test('mails outlive the SMTP server and the process', async (t) => {
  const stores = await makeStores(t)
  const smtp = await startSmtp(t)
  await smtp.stop()
  const first = await buildWithMail(t, {}, { smtp, stores })
  const { email } = await signUp(first.app)
  t.equal((await first.post('/auth/password/forgot', { email })).statusCode, 202)
  t.same(await first.mailsTo(email), [])
  const { rows: waiting } = await stores.pool.query<{ content: string; attempts: number }>(
    'SELECT content, attempts FROM mails ORDER BY id'
  )
  t.same(
    waiting.map(({ attempts }) => attempts),
    [1, 1]
  )
  t.notMatch(JSON.stringify(waiting), email, 'not to be read in the database')
  t.match(first.logged(), 'a mail was not sent')
  t.notOk(first.logged().includes(email), 'nor in the log')
  await first.app.close()

  await smtp.start()
  const second = await buildWithMail(t, {}, { smtp, stores })
  t.same(await second.mailsTo(email), [], 'not at once')
  await stores.pool.query("UPDATE mails SET next_attempt_at = next_attempt_at - interval '10 seconds'")
  const subjects = (await second.mailsTo(email)).map(({ subject }) => subject)
  t.same(subjects.sort(), ['Choose a new password', 'Confirm your email address'])
  const { token } = linkIn(await second.lastTo(email, 'Choose a new password'))
  const reset = await second.post('/auth/password/reset', { token, new_password: 'an entirely new password' })
  t.equal(reset.statusCode, 204)
  await second.mailsTo(email)
  t.equal((await stores.pool.query('SELECT FROM mails')).rows.length, 0, 'nothing stays of what was sent')
})

t.test('of several nodes one sends; another does where that one died', async (t) => {
  const held: (() => void)[] = []
  let holding = false
  const smtp = await startSmtp(t, {
    onMailFrom(_address, _session, done) {
      if (holding) held.push(done)
      else done()
    }
  })
  const one = await buildWithMail(t, {}, { smtp })
  const two = await buildWithMail(t, {}, { smtp, stores: one.app.stores })
  const { email } = await signUp(one.app)
  for (let round = 0; round < 10; round += 1) await one.post('/auth/password/forgot', { email })
  await Promise.all([one.mailsTo(email), two.mailsTo(email)])
  await Promise.all([one.mailsTo(email), two.mailsTo(email)])
  t.equal(smtp.received.length, 11)

  // Taken by a node that does not get further.
  holding = true
  await one.post('/auth/password/forgot', { email })
  const stuck = Promise.race([one.app.scope.mails.deliver(), two.app.scope.mails.deliver()])
  await until('the mail to be on its way', async () => held.length === 1)
  holding = false
  await stuck
  t.equal(smtp.received.length, 11, 'while it may be on its way, nobody else sends it')
  await one.app.stores.pool.query("UPDATE mails SET next_attempt_at = next_attempt_at - interval '2 minutes'")
  await Promise.race([one.app.scope.mails.deliver(), two.app.scope.mails.deliver()])
  t.equal(smtp.received.length, 12)
  for (const release of held) release()
})

t.test('what will never be taken is given up, and what is not taken for a day', async (t) => {
  const smtp = await startSmtp(t, {
    onRcptTo({ address }, _session, done) {
      const refused = Object.assign(new Error(`no such mailbox: ${address}`), { responseCode: 550 })
      const later = Object.assign(new Error(`later: ${address}`), { responseCode: 451 })
      done(address.startsWith('gone') ? refused : later)
    }
  })
  const { app, post, logged } = await buildWithMail(t, { SIGNUP_CONFIRM: true }, { smtp })
  const waiting = async () => (await app.stores.pool.query('SELECT FROM mails')).rows.length
  await post('/auth/signup', { email: 'gone@example.com', password })
  await post('/auth/signup', { email: 'busy@example.com', password })
  await app.scope.mails.deliver()
  t.equal(await waiting(), 1)
  await app.stores.pool.query(
    "UPDATE mails SET next_attempt_at = now(), created_at = now() - interval '25 hours'"
  )
  await app.scope.mails.deliver()
  t.equal(await waiting(), 0)
  const { body: metrics } = await app.inject({ url: '/metrics' })
  t.match(metrics, /^latchkey_mails_total{result="given_up"} 2$/m)
  t.match(metrics, /^latchkey_mails_total{result="failed"} 1$/m)
  t.notMatch(logged(), /gone@|busy@/, 'whatever the SMTP server said')
})

t.test('a password for the SMTP server leaves under TLS only', async (t) => {
  const tried: string[] = []
  const onAuth: SMTPServerOptions['onAuth'] = ({ username }, _session, done) => {
    tried.push(String(username))
    done(null, { user: username })
  }
  const withoutTls = await startSmtp(t, { disabledCommands: ['STARTTLS'], onAuth })
  const withTls = await startSmtp(t, { hideSTARTTLS: false, onAuth })
  const urlOf = ({ url }: { url: string }) =>
    `${url.replace('//', '//app:secret@')}?tls.rejectUnauthorized=false`
  const one = await buildWithMail(t, { SMTP_URL: urlOf(withoutTls) }, { smtp: withoutTls })
  const { email } = await signUp(one.app)
  t.same(await one.mailsTo(email), [])
  t.same(tried, [])
  const two = await buildWithMail(t, { SMTP_URL: urlOf(withTls) }, { smtp: withTls, stores: one.app.stores })
  // Or it would take the mail once more: it looks a moment after the order, too.
  await one.app.close()
  await two.app.stores.pool.query('UPDATE mails SET next_attempt_at = now()')
  t.equal((await two.mailsTo(email)).length, 1)
  t.same(tried, ['app'])
  t.notMatch(one.logged() + two.logged(), 'app:secret')
})

t.test('without SMTP, outside of development, there is no mail and that is said', async (t) => {
  const app = await build(t)
  const { access_token } = await signUp(app)
  const headers = { authorization: `Bearer ${access_token}` }
  for (const [url, payload] of [
    ['/auth/password/forgot', { email: 'a@example.com' }],
    ['/auth/password/reset', { token: 'x', new_password: password }],
    ['/auth/verify-email', { token: 'x' }],
    ['/auth/verify-email/send', {}],
    ['/auth/email', { email: 'a@example.com' }],
    ['/auth/email/confirm', { token: 'x' }],
    ['/auth/signup/confirm', { token: 'x', password }]
  ] as const)
    isProblem(t, await app.inject({ method: 'POST', url, payload, headers }), 'mail_not_configured', url)
  for (const url of ['/auth/confirm', '/dev/outbox']) isProblem(t, await app.inject({ url }), 'not_found')
  t.equal((await app.stores.pool.query('SELECT FROM mails')).rows.length, 0)
})
