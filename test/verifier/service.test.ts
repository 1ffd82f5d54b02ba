// A second service that is protected by the verifier, and what it says to whom.
import t from 'tap'
import { accessTokenKey, decode, signEs256 } from '../forge.ts'
import { bearer, build, signUp } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { until } from '../stores/until.ts'
import { buildService, get, listen } from './service.ts'

const app = await build(t)
const service = await buildService(t, await listen(app))

/** A good token but for what is said. */
async function tokenWith(claims: Record<string, unknown>): Promise<string> {
  const { access_token } = await signUp(app)
  const good = decode(access_token)
  return signEs256(good.header, { ...good.claims, ...claims }, await accessTokenKey(app.stores))
}

const now = () => Math.floor(Date.now() / 1000)
const invalid = 'Bearer realm="latchkey", error="invalid_token"'

t.test('a good token gets in, and the claims are those of the server', async (t) => {
  const { access_token, user_id } = await signUp(app)
  for (const attempt of ['checked', 'remembered']) {
    const response = await get(service, access_token)
    t.same([response.statusCode, response.json()], [200, { owner: user_id }], attempt)
  }
})

t.test('without a token the challenge names no error (RFC 6750 §3.1)', async (t) => {
  for (const headers of [{}, { authorization: 'Basic YTpi' }, { authorization: 'Bearer' }]) {
    const response = await service.inject({ url: '/notes', headers })
    isProblem(t, response, 'access_token_missing')
    t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey"')
  }
})

t.test('an expired one, and one for another audience', async (t) => {
  for (const claims of [{ exp: now() - 1 }, { aud: 'https://other.example.com' }]) {
    const response = await get(service, await tokenWith(claims))
    isProblem(t, response, 'access_token_invalid')
    t.equal(response.headers['www-authenticate'], invalid)
  }
})

t.test('one that expires while its signature is remembered', async (t) => {
  const token = await tokenWith({ exp: now() + 2 })
  t.equal((await get(service, token)).statusCode, 200)
  const refused = await until('it to expire', async () => {
    const response = await get(service, token)
    return response.statusCode === 401 && response
  })
  isProblem(t, refused, 'access_token_invalid')
})

t.test('what it gives out can not be changed for the next request', async (t) => {
  const { access_token } = await signUp(app)
  const claims = await service.verifier.verify(access_token)
  t.throws(() => (claims.role = 'admin'), TypeError)
  t.throws(() => claims.amr.push('hwk'), TypeError)
})

t.test('roles', async (t) => {
  const { access_token } = await signUp(app)
  const response = await get(service, access_token, '/admin')
  isProblem(t, response, 'insufficient_role')
  t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey", error="insufficient_scope"')
  t.equal((await get(service, await tokenWith({ role: 'admin' }), '/admin')).body, 'in')
  isProblem(t, await service.inject('/admin'), 'access_token_missing', 'the token comes first')
})

t.test('how long ago the user logged in (RFC 9470)', async (t) => {
  const { access_token } = await signUp(app)
  t.equal((await get(service, access_token, '/transfer')).body, 'in')
  const response = await get(service, await tokenWith({ auth_time: now() - 61 }), '/transfer')
  isProblem(t, response, 'insufficient_user_authentication')
  t.equal(
    response.headers['www-authenticate'],
    'Bearer realm="latchkey", error="insufficient_user_authentication", max_age="60"'
  )
})

t.test('the server itself answers the same', async (t) => {
  const token = await tokenWith({ exp: now() - 1 })
  const here = await get(service, token)
  const there = await app.inject({ url: '/auth/me', headers: bearer(token) })
  const essence = (response: typeof here) => ({
    status: response.statusCode,
    challenge: response.headers['www-authenticate'],
    body: { ...response.json<object>(), request_id: '' }
  })
  t.same(essence(here), essence(there))
})
