import t from 'tap'
import { linkIn } from '../mail.ts'
import { build, makeStores, signUp } from '../helper.ts'
import { isProblem } from '../problem.ts'

interface Kept {
  mails: { to: string; subject: string; text: string; html: string; sent_at: string }[]
}

t.test('in development without SMTP, mails are kept to be looked at from this machine', async (t) => {
  const stores = await makeStores(t)
  const development = { NODE_ENV: 'development' }
  const app = await build(t, development, stores)
  const { email } = await signUp(app)
  const outbox = async () => (await app.inject({ url: '/dev/outbox' })).json<Kept>().mails
  const [mail] = await outbox()
  t.match(mail, { to: email, subject: 'Confirm your email address', sent_at: /Z$/ })

  const other = await build(t, development, stores)
  const shown = await other.inject({ url: '/dev/outbox', headers: { accept: 'text/html' } })
  t.match(shown.headers['content-type'], 'text/html')
  t.equal(shown.headers['cache-control'], 'no-store')
  t.match(shown.body, '<h2>Confirm your email address</h2>', 'of all nodes')
  const [, href = ''] = /<a href="([^"]+#[^"]+)"/.exec(shown.body) ?? []
  const token = /token&#x3D;([\w-]{43})$/.exec(href)?.[1]
  t.equal(token, mail && linkIn({ text: mail.text, html: mail.html } as never).token)
  const verified = await app.inject({ method: 'POST', url: '/auth/verify-email', payload: { token } })
  t.equal(verified.statusCode, 204)
  const { rows } = await stores.pool.query<{ content: string }>('SELECT content FROM mails')
  t.notOk(JSON.stringify(rows).includes(token ?? ''))

  for (const request of [
    { remoteAddress: '192.0.2.1' },
    { headers: { host: 'rebound.example.com' } },
    { headers: { host: 'localhost.example.com:3000' } }
  ])
    isProblem(t, await app.inject({ url: '/dev/outbox', ...request }), 'not_found')
  const proxied = await build(t, { ...development, TRUST_PROXY: 'loopback' }, stores)
  isProblem(
    t,
    await proxied.inject({ url: '/dev/outbox', headers: { 'x-forwarded-for': '192.0.2.1' } }),
    'not_found',
    'nor through a proxy'
  )

  await stores.pool.query(
    "INSERT INTO mails (id, content, sent_at) SELECT gen_random_uuid(), content, now() - interval '1 hour' FROM mails, generate_series(1, 150)"
  )
  await app.inject({ method: 'POST', url: '/auth/password/forgot', payload: { email } })
  t.equal((await outbox()).length, 100)
  t.equal((await outbox())[0]?.subject, 'Choose a new password')
})

t.test('not with SMTP, and not in production', async (t) => {
  const stores = await makeStores(t)
  for (const env of [
    { NODE_ENV: 'development', SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'a@example.com' },
    { NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' }
  ])
    isProblem(t, await (await build(t, env, stores)).inject({ url: '/dev/outbox' }), 'not_found')
})
