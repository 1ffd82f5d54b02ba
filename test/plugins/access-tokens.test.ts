import t from 'tap'
import { accessTokenKey, decode, signEs256, tamper } from '../forge.ts'
import { forgeries } from '../forgeries.ts'
import { bearer, build, codeOf, signUp, type App } from '../helper.ts'
import { outboundRequests } from '../outbound.ts'
import { isProblem } from '../problem.ts'
import { until } from '../stores/until.ts'

const me = (app: App, token: string) => app.inject({ url: '/auth/me', headers: bearer(token) })

t.test('the key that the tests forge with is the right one', async (t) => {
  const app = await build(t)
  const { header, claims } = decode((await signUp(app)).access_token)
  const same = signEs256(header, claims, await accessTokenKey(app.stores))
  t.equal((await me(app, same)).statusCode, 200)
})

t.test('every forgery is refused, and nobody is asked for a key', async (t) => {
  const app = await build(t)
  const outbound = outboundRequests(t)
  for (const [name, token] of Object.entries(await forgeries(app))) {
    const response = await me(app, token)
    isProblem(t, response, 'access_token_invalid', name)
    t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey", error="invalid_token"')
  }
  t.same(outbound, [])
})

t.test('a token with any one of its characters changed is refused, also after it was seen', async (t) => {
  const app = await build(t)
  const { access_token } = await signUp(app)
  for (const seen of [false, true]) {
    const tampered = tamper(access_token)
    t.ok(tampered.length > 600)
    // A few at a time: all at once would be a load of its own, which the server may refuse, and those whose kid
    // was changed wait for each other's turn to look it up.
    const few = 20
    const codes = new Set<string>()
    for (let first = 0; first < tampered.length; first += few) {
      const answers = await Promise.all(tampered.slice(first, first + few).map((token) => me(app, token)))
      for (const answer of answers) codes.add(codeOf(answer))
    }
    t.same(codes, new Set(['access_token_invalid']), `seen: ${String(seen)}`)
    t.equal((await me(app, access_token)).statusCode, 200)
  }
})

t.test('a token that was seen expires all the same, and its claims can not be changed', async (t) => {
  const app = await build(t)
  const { access_token } = await signUp(app)
  const { header, claims } = decode(access_token)
  const exp = Math.floor(Date.now() / 1000) + 2
  const brief = signEs256(header, { ...claims, exp }, await accessTokenKey(app.stores))
  t.equal((await me(app, brief)).statusCode, 200)
  const seen = await app.scope.accessTokens.verify(brief)
  t.throws(() => Object.assign(seen, { role: 'admin' }), TypeError)
  t.throws(() => seen.amr.push('otp'), TypeError)
  await until('it to expire', async () => (await me(app, brief)).statusCode === 401)
  t.ok(Date.now() >= exp * 1000)
})

t.test(
  'tokens of another issuer or for another audience are refused by a node on the same keys',
  async (t) => {
    const app = await build(t)
    for (const env of [
      { PUBLIC_URL: 'https://other.example.com' },
      { AUDIENCE: 'https://api.example.com' }
    ]) {
      const other = await build(t, env, app.stores)
      const here = await signUp(app)
      const there = await signUp(other)
      isProblem(t, await me(app, there.access_token), 'access_token_invalid')
      isProblem(t, await me(other, here.access_token), 'access_token_invalid')
    }
  }
)

t.test('a logout by a forged token ends nothing', async (t) => {
  const app = await build(t)
  for (const token of Object.values(await forgeries(app))) {
    await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(token) })
  }
  const { rows } = await app.stores.pool.query('SELECT revoked_reason FROM sessions')
  // Two of these are good for that: an expired access token still names its session, and so does the refresh token.
  t.same(
    rows.filter(({ revoked_reason }: { revoked_reason: string | null }) => revoked_reason !== null).length,
    1
  )
})
