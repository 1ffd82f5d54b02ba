import t from 'tap'
import { bearer, build, codeOf, logIn, password, refresh, tokensOf } from '../helper.ts'
import { decode } from '../forge.ts'
import { onStores } from '../server/process.ts'
import { until } from '../stores/until.ts'
import { latchkey } from './command.ts'

const app = await build(t)
const env = onStores(app.stores)
const run = (args: string[], input?: string) =>
  latchkey(['users', ...args], { env, ...(input ? { input } : {}) })
const email = 'ada@example.com'

t.test('create: the password comes by the standard input', async (t) => {
  const made = await run(['create', email, '--name', 'Ada', '--role', 'editor', '--json'], `${password}\n`)
  t.equal(made.code, 0)
  const { user } = JSON.parse(made.stdout) as { user: { id: string } }
  t.match(user, { email, name: 'Ada', role: 'editor', email_verified: false })
  t.notMatch(made.stdout, password)
  t.equal((await logIn(app, email)).user_id, user.id)

  t.match(await run(['create', 'no address'], 'short'), {
    code: 1,
    stderr: /^The user was not made: email must match format "email", password must NOT have fewer than 15/
  })
})

t.test('role: in tokens from the next refresh on', async (t) => {
  const { refresh_token } = await logIn(app, email)
  t.match(await run(['role', email, 'admin']), { code: 0, stdout: 'ada@example.com has the role admin' })
  const { access_token } = tokensOf(await refresh(app, refresh_token))
  t.equal(decode(access_token).claims['role'], 'admin')
})

t.test('sessions: listed, and ended one by one or all', async (t) => {
  const [one, other] = [await logIn(app, email), await logIn(app, email)]
  const { stdout } = await run(['sessions', email])
  for (const { session_id } of [one, other]) t.match(stdout, new RegExp(`^${session_id}  browser `, 'm'))
  t.match(await run(['sessions', email, '--end', one.session_id]), { code: 0, stdout: 'Sessions ended: 1.' })
  t.equal(codeOf(await refresh(app, one.refresh_token)), 'session_revoked')
  t.equal((await refresh(app, other.refresh_token)).statusCode, 200)
  t.equal((await run(['sessions', email, '--end', 'all'])).code, 0)
  t.equal(codeOf(await refresh(app, other.refresh_token)), 'session_revoked')
})

t.test(
  'ban: all sessions end on every node; unban: a new login is possible, the old sessions stay ended',
  async (t) => {
    const { access_token, refresh_token, user_id } = await logIn(app, email)
    const banned = await run(['ban', email, '--json'])
    t.match(JSON.parse(banned.stdout), {
      email,
      disabled: { reason: null, until: null },
      ended_sessions: [/^[\da-f-]{36}$/]
    })
    await until('the server to refuse its access token', async () => {
      return (
        codeOf(await app.inject({ url: '/auth/me', headers: bearer(access_token) })) === 'session_revoked'
      )
    })
    t.equal(codeOf(await refresh(app, refresh_token)), 'account_disabled')
    await t.rejects(logIn(app, email), /account_disabled/)

    t.match(await run(['unban', email]), { code: 0, stdout: `${email} may log in again.` })
    t.ok(await logIn(app, email))
    t.equal(codeOf(await refresh(app, refresh_token)), 'session_revoked')
    t.match(await run(['ban', 'nobody@example.com']), {
      code: 1,
      stderr: 'There is no user nobody@example.com\n'
    })

    const { rows } = await app.stores.pool.query<{ type: string }>(
      "SELECT type FROM security_events WHERE user_id = $1 AND actor = 'command_line' ORDER BY id",
      [user_id]
    )
    const types = rows.map(({ type }) => type).filter((type) => type !== 'session_revoked')
    t.same(types, ['account_created', 'role_changed', 'account_disabled', 'account_enabled'])
  }
)

t.test('ban with a reason and an end; events; export; delete', async (t) => {
  const { user_id, refresh_token } = await logIn(app, email)
  t.match(await run(['ban', email, '--reason', 'sends spam', '--until', '2099-12-31']), {
    code: 0,
    stdout: `${email} is disabled until 2099-12-31T00:00:00.000Z. Sessions ended: `
  })
  const response = await app.inject({ method: 'POST', url: '/auth/login', payload: { email, password } })
  t.match(response.json(), { detail: 'This account is disabled until 2099-12-31T00:00:00.000Z.' })
  t.match(await run(['ban', email, '--until', '2020-01-01']), {
    code: 2,
    stderr: /--until is a time in the future/
  })

  const events = await latchkey(['events', '--user', email, '--limit', '1', '--json'], { env })
  t.match(JSON.parse(events.stdout), {
    events: [{ user_id, actor: 'command_line', type: 'session_revoked', reason: 'account_disabled' }]
  })

  const exported = await run(['export', email])
  t.match(JSON.parse(exported.stdout), {
    user: { id: user_id, email, disabled: { reason: 'sends spam', until: '2099-12-31T00:00:00.000Z' } }
  })
  t.notMatch(exported.stdout, 'argon2')

  t.match(await run(['delete', email]), { code: 0, stdout: `${email} is deleted. Sessions ended: 0.` })
  t.equal(codeOf(await refresh(app, refresh_token)), 'session_revoked')
})
