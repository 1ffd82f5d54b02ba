import t, { type Test } from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { accessTokenKey, decode, signEs256 } from '../forge.ts'
import { bearer, build, refresh, signUp, type App } from '../helper.ts'

const now = () => Math.floor(Date.now() / 1000)

/** A session whose access token has so many seconds left of the 900 that it had. */
async function sessionWith(app: App, left: number) {
  const session = await signUp(app)
  const { header, claims } = decode(session.access_token)
  const times = { iat: now() + left - 900, exp: now() + left }
  const token = signEs256(header, { ...claims, ...times }, await accessTokenKey(app.stores))
  return { ...session, token, claims }
}

const me = (app: App, token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })
const newTokenOf = ({ headers }: { headers: Record<string, unknown> }) => {
  const { 'x-new-token': token } = headers
  return typeof token === 'string' ? token : undefined
}

async function isRenewed(t: Test, app: App, token: string, renewed: boolean, message: string) {
  const response = await me(app, token)
  t.equal(response.statusCode, 200, message)
  t.equal(newTokenOf(response) !== undefined, renewed, message)
  return newTokenOf(response) ?? ''
}

t.test('less than 30 % and five minutes left: the answer carries a new token', async (t) => {
  const app = await build(t, { AUTO_RENEW: true })
  await isRenewed(t, app, (await sessionWith(app, 280)).token, false, '31 % left')
  const { token, claims } = await sessionWith(app, 260)
  const response = await me(app, token)
  t.equal(response.headers['cache-control'], 'no-store')
  const fresh = newTokenOf(response) ?? ''
  t.equal((await me(app, fresh)).statusCode, 200)
  const renewed = decode(fresh).claims
  t.not(renewed['jti'], claims['jti'])
  t.match(renewed, { sid: claims['sid'], sub: claims['sub'], auth_time: claims['auth_time'], amr: ['pwd'] })
  t.equal(Number(renewed['exp']) - Number(renewed['iat']), 900)
  t.ok(Number(renewed['exp']) >= now() + 895)
})

t.test('with a longer life, five minutes count', async (t) => {
  const app = await build(t, { AUTO_RENEW: true, ACCESS_TOKEN_TTL: '30m' })
  const { access_token } = await signUp(app)
  const { header, claims } = decode(access_token)
  const key = await accessTokenKey(app.stores)
  const left = (seconds: number) =>
    signEs256(header, { ...claims, iat: now() + seconds - 1800, exp: now() + seconds }, key)
  await isRenewed(t, app, left(310), false, '310 s')
  await isRenewed(t, app, left(290), true, '290 s')
})

t.test('the claims are those of now', async (t) => {
  const app = await build(t, { AUTO_RENEW: true })
  const { token, user_id } = await sessionWith(app, 60)
  await app.stores.pool.query("UPDATE users SET role = 'admin', email_verified = true WHERE id = $1", [
    user_id
  ])
  t.match(decode(await isRenewed(t, app, token, true, 'renewed')).claims, {
    role: 'admin',
    email_verified: true
  })
})

t.test('off by default', async (t) => {
  const app = await build(t)
  await isRenewed(t, app, (await sessionWith(app, 10)).token, false, '10 s left')
})

t.test('100 parallel requests on two nodes make one renewal, and a lost answer is made up for', async (t) => {
  const app = await build(t, { AUTO_RENEW: true })
  const other = await build(t, { AUTO_RENEW: true }, app.stores)
  const { token, session_id } = await sessionWith(app, 60)
  const responses = await Promise.all(
    Array.from({ length: 100 }, (_, number) => me(number % 2 ? app : other, token))
  )
  t.equal(responses.filter(({ statusCode }) => statusCode === 200).length, 100)
  t.equal(responses.filter((response) => newTokenOf(response) !== undefined).length, 1)

  // A third node, as the first two will not even ask again so soon.
  const third = await build(t, { AUTO_RENEW: true }, app.stores)
  await app.stores.redis.hincrby(app.stores.key(session_id), 'renewed_at', -10_000)
  await isRenewed(t, third, token, true, 'ten seconds later')
})

t.test('never for a session that has ended, been reused or is gone from Redis', async (t) => {
  const app = await build(t, { AUTO_RENEW: true })
  const revoked = await sessionWith(app, 60)
  await app.stores.pool.query(
    "UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1",
    [revoked.session_id]
  )
  t.equal(newTokenOf(await me(app, revoked.token)), undefined, 'ended in the record')

  const disabled = await sessionWith(app, 60)
  await app.stores.pool.query('UPDATE users SET disabled_at = now() WHERE id = $1', [disabled.user_id])
  t.equal(newTokenOf(await me(app, disabled.token)), undefined, 'of a disabled user')

  const reused = await sessionWith(app, 60)
  await app.stores.redis.hset(app.stores.key(reused.session_id), 'ended', 'reused')
  t.equal(newTokenOf(await me(app, reused.token)), undefined, 'marked in Redis')

  const forgotten = await sessionWith(app, 60)
  await app.stores.redis.del(app.stores.key(forgotten.session_id))
  t.equal(newTokenOf(await me(app, forgotten.token)), undefined, 'without an entry')
  t.equal((await refresh(app, forgotten.refresh_token)).statusCode, 200, 'which a refresh rebuilds')
})

t.test('a new token does not outlive its session, and a session is not prolonged', async (t) => {
  const app = await build(t, { AUTO_RENEW: true })
  const { redis } = app.stores
  const { token, session_id } = await sessionWith(app, 60)
  const end = Date.now() + 100_000
  await redis.pexpireat(app.stores.key(session_id), end)
  const renewed = decode(await isRenewed(t, app, token, true, 'ends in 100 s')).claims
  t.equal(renewed['exp'], Math.floor(end / 1000))
  t.equal(await redis.pexpiretime(app.stores.key(session_id)), end)

  const ending = await sessionWith(app, 60)
  await redis.pexpire(app.stores.key(ending.session_id), 30_000)
  await isRenewed(t, app, ending.token, false, 'ends before the token does')
})

t.test('a store that is away costs the new token, not the answer', async (t) => {
  const { app, proxies } = await buildBehindProxies(t, { AUTO_RENEW: true })
  const { token } = await sessionWith(app, 60)
  proxies.redis.dropResponses(true)
  t.teardown(() => {
    proxies.redis.dropResponses(false)
  })
  const response = await app.inject({ url: '/auth/verify', headers: bearer(token) })
  t.equal(response.statusCode, 204)
  t.equal(newTokenOf(response), undefined)
})
