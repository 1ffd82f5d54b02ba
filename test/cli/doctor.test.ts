import t, { type Test } from 'tap'
import { pickFreePort } from '../../embedded/free-port.ts'
import type { Check } from '../../cli/checks/check.ts'
import { clock } from '../../cli/checks/check.ts'
import { build, makeStores, secretKey, type Stores } from '../helper.ts'
import { onStores } from '../server/process.ts'
import { startSmtp } from '../smtp.ts'
import { latchkey } from './command.ts'

/** What it says, by the name of what it looked at. */
async function doctor(env: NodeJS.ProcessEnv) {
  const { code, stdout, stderr } = await latchkey(['doctor', '--json'], { env })
  if (stderr !== '') throw new Error(stderr)
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] }
  return { code, ok, checks: Object.fromEntries(checks.map((check) => [check.name, check])) }
}

/** A server that listens, and the settings that it and the doctor share. */
async function listen(t: Test, stores: Stores): Promise<NodeJS.ProcessEnv & { PUBLIC_URL: string }> {
  const port = await pickFreePort()
  const PUBLIC_URL = `http://127.0.0.1:${String(port)}`
  const app = await build(t, { PUBLIC_URL }, stores)
  await app.listen({ host: '127.0.0.1', port })
  return { ...onStores(stores), PUBLIC_URL }
}

t.test('a server that is well', async (t) => {
  const stores = await makeStores(t)
  const env = await listen(t, stores)
  const { code, ok, checks } = await doctor(env)
  t.equal(code, 0)
  t.ok(ok)
  for (const name of ['configuration', 'Postgres', 'migrations', 'signing keys', 'public URL'])
    t.match(checks[name], { status: 'ok' }, name)
  t.match(checks['Postgres'], { found: /^version \d+/ })
  t.match(checks['clock of Postgres'], { status: 'ok' })
  t.match(checks['argon2'], {
    status: 'ok',
    found: /^(portable|compiled) .*, \d+\.\d ms of CPU time for a password$/
  })
  t.match(checks['cookies'], { status: 'ok', found: 'Path=/; HttpOnly; Secure; SameSite=Strict' })
})

t.test('what is wrong, and what to do', async (t) => {
  const stores = await makeStores(t)
  const fresh = await doctor(onStores(stores))
  t.equal(fresh.code, 1)
  t.match(fresh.checks['migrations'], { status: 'failed', found: /0001_/, advice: /latchkey migrate/ })
  t.match(fresh.checks['public URL'], { status: 'warning', found: /does not answer/ })

  const env = await listen(t, stores)
  const other = await doctor({
    ...env,
    SECRET_KEY: 'another secret key that is long enough too',
    NODE_ENV: 'test'
  })
  t.equal(other.code, 1)
  t.match(other.checks['signing keys'], {
    status: 'failed',
    advice: /Add the SECRET_KEY that they were made with/
  })

  const away = await doctor({
    ...env,
    DATABASE_URL: 'postgres://127.0.0.1:1/nowhere',
    REDIS_URL: 'redis://127.0.0.1:1',
    EMBEDDED_REDIS: '',
    PUBLIC_URL: `${env.PUBLIC_URL}/elsewhere`,
    SECRET_KEY: `${secretKey},the one before it is as long as that one`
  })
  t.equal(away.code, 1)
  t.match(away.checks['Postgres'], {
    status: 'failed',
    found: 'does not answer (connect ECONNREFUSED 127.0.0.1:1)'
  })
  t.match(away.checks['Redis'], { status: 'failed', found: /ECONNREFUSED/, advice: /REDIS_URL/ })
  t.match(away.checks['secret key'], { status: 'warning', advice: /once REFRESH_IDLE_TTL has passed/ })
  t.match(away.checks['public URL'], { status: 'failed', found: /is not a Latchkey/ })
})

t.test('a configuration that is not valid, for people', async (t) => {
  const { code, stdout } = await latchkey(['doctor'], { env: { PORT: 'banana' } })
  t.equal(code, 1)
  t.match(stdout, /^failed +configuration: PORT must be integer\n +→ .+\n1 failed, 0 to look at\.\n$/)
})

t.test('clocks', async (t) => {
  t.match(clock('x', 900), { status: 'ok', found: '900 ms ahead of this machine' })
  t.match(clock('x', -1500), { status: 'warning', found: '1500 ms behind this machine', advice: /NTP/ })
  t.match(clock('x', 6000), { status: 'failed' })
})

t.test('mail', async (t) => {
  const stores = await makeStores(t)
  const smtp = await startSmtp(t)
  const env = { ...onStores(stores), NODE_ENV: 'test' }
  t.match((await doctor(env)).checks['mail'], { status: 'warning', found: 'off', advice: /SMTP_URL/ })
  const withMail = { ...env, SMTP_URL: smtp.url, MAIL_FROM: 'accounts@example.com' }
  t.match((await doctor(withMail)).checks['mail'], { status: 'ok' })
  t.same(smtp.received, [])
  await smtp.stop()
  t.match((await doctor(withMail)).checks['mail'], { status: 'failed', advice: /SMTP_URL/ })
})
