import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import {
  bearer,
  deviceCookie,
  makeStores,
  password,
  refresh,
  refreshCookie,
  refreshNative,
  secretKey,
  signUp,
  startNode,
  tokensOf,
  type App
} from './helper.ts'
import { tamper } from './forge.ts'
import { rawRequest, sendRaw } from './raw.ts'

/** A node that logs everything it can, and what it has logged. */
async function buildLogging(t: Test) {
  const log = new PassThrough()
  const lines: string[] = []
  log.on('data', (chunk: Buffer) => lines.push(chunk.toString()))
  const app = await startNode(await makeStores(t), { LOG_LEVEL: 'trace' }, log)
  t.teardown(() => app.close())
  return { app, logged: () => lines.join('') }
}

const wrongPassword = 'an entirely wrong password'

/** Every way to sign in, stay in and get out, right and wrong. @returns what was secret in it */
async function useEverything(app: App): Promise<string[]> {
  const phoneId = { 'x-device-id': 'a-phone-of-my-own' }
  const browser = await signUp(app)
  const native = await signUp(app, { 'x-client': 'native', ...phoneId })
  const { email, access_token, session_id } = browser
  const device = browser.response.cookies.find(({ name }) => name === deviceCookie)?.value ?? ''
  const headers = { ...bearer(access_token), cookie: `${deviceCookie}=${device}` }
  const key = 'an-idempotency-key-of-my-own'

  const second = tokensOf(await refresh(app, browser.refresh_token, { 'idempotency-key': key }))
  const phone = tokensOf(await refreshNative(app, native.refresh_token, phoneId))
  const form = new URLSearchParams({ email, password: wrongPassword }).toString()
  await Promise.all([
    app.inject({ method: 'POST', url: '/auth/login', payload: { email, password: wrongPassword } }),
    app.inject({
      method: 'POST',
      url: '/auth/login',
      payload: { email, password: `${wrongPassword}\u0000`, extra: 1 }
    }),
    app.inject({
      method: 'POST',
      url: '/auth/login',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: form
    }),
    app.inject({ method: 'POST', url: '/auth/signup', payload: { email, password } }),
    app.inject({ method: 'POST', url: '/auth/login', payload: `{"password":"${wrongPassword}"` }),
    app.inject({ url: '/auth/me', headers }),
    app.inject({ url: '/auth/me', headers: bearer(`${access_token}x`) }),
    app.inject({ url: '/auth/%ff', headers }),
    app.inject({ url: '/nowhere', headers }),
    refresh(app, second.refresh_token, { authorization: `Bearer ${second.refresh_token}` }),
    refresh(app, phone.refresh_token),
    ...tamper(second.refresh_token)
      .slice(-5)
      .map((token) => refresh(app, token))
  ])
  // Bytes that are no request, with a token in them.
  const authorization = `Authorization: Bearer ${access_token}`
  await sendRaw(app, rawRequest('GET /auth/me', [authorization, 'X: \u0000']))
  await sendRaw(app, rawRequest('GET /auth/me', [authorization, `X: ${'x'.repeat(17_000)}`]))

  await app.stores.pool.query('ALTER SCHEMA public RENAME TO gone')
  await refresh(app, second.refresh_token)
  await app.inject({ method: 'POST', url: '/auth/login', payload: { email, password } })
  await app.inject({ method: 'POST', url: '/auth/signup', payload: { email: 'new@example.com', password } })
  await app.stores.pool.query('ALTER SCHEMA gone RENAME TO public')
  await app.stores.redis.set(app.stores.key('x'), 'x')

  await app.stores.age(session_id, 60_000)
  await refresh(app, browser.refresh_token)
  await app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: { cookie: `${refreshCookie}=${second.refresh_token}` }
  })
  await app.inject({ method: 'POST', url: '/auth/logout/all', headers: bearer(phone.access_token) })

  const tokens = [browser, native, second, phone].flatMap(({ access_token, refresh_token }) => [
    access_token,
    refresh_token
  ])
  return [
    ...[password, wrongPassword, encodeURIComponent(wrongPassword), wrongPassword.replaceAll(' ', '+')],
    ...[device, key, 'a-phone-of-my-own', secretKey],
    ...tokens,
    // A signature is the secret part of a token: the rest can be told from it.
    ...tokens.map((token) => token.slice(token.lastIndexOf('.') + 1))
  ]
}

t.test('no password, token or cookie is ever logged, at any level, whatever goes wrong', async (t) => {
  const { app, logged } = await buildLogging(t)
  const secrets = await useEverything(app)
  await app.close()
  const log = logged()
  for (const secret of secrets) {
    t.notOk(log.includes(secret), `${secret.slice(0, 12)}…`)
    t.notOk(log.includes(Buffer.from(secret).join(',')), 'nor as the bytes of a buffer')
    t.notOk(log.includes(Buffer.from(secret).toString('base64').slice(0, -4)), 'nor as base64')
  }
  const { rows } = await app.stores.pool.query<{ password_hash: string }>('SELECT password_hash FROM users')
  for (const { password_hash } of rows) t.notOk(log.includes(password_hash))
})

t.test('what is needed to find a fault is logged: what failed, why, and for which request', async (t) => {
  const { app, logged } = await buildLogging(t)
  await signUp(app)
  await app.stores.pool.query('ALTER TABLE users RENAME TO gone')
  const response = await app.inject({
    method: 'POST',
    url: '/auth/login',
    payload: { email: 'a@example.com', password }
  })
  const { request_id } = response.json<{ request_id: string }>()
  const lines = logged()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ reqId }) => reqId === request_id)
  t.match(lines, [
    { level: 30, msg: 'incoming request', req: { method: 'POST', url: '/auth/login' } },
    {
      level: 50,
      msg: 'request failed',
      code: 'internal_error',
      err: { stack: /relation "users" does not exist/ }
    },
    { level: 30, msg: 'request completed', res: { statusCode: 500 } }
  ])
})

t.test('a token that somebody put into a query is not logged either', async (t) => {
  const { app, logged } = await buildLogging(t)
  const { access_token } = await signUp(app)
  await app.inject(`/auth/me?access_token=${access_token}`)
  await app.inject(`/auth/%ff?access_token=${access_token}`)
  t.notOk(logged().includes(access_token))
})
