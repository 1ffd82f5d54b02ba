import t from 'tap'
import { bearer, codeOf, makeStores, password, redisInMemory, tokensOf } from '../helper.ts'
import './latchkey.ts'

const { buildApp } = await import('../../examples/fastify-app.ts')

t.test('a Fastify app with Latchkey inside', async (t) => {
  const { env, redis } = await makeStores(t)
  const app = await buildApp({ ...env, ...(redisInMemory ? { redisClient: redis.duplicate() } : {}) })
  t.teardown(() => app.close())
  const signUp = await app.inject({
    method: 'POST',
    url: '/account/auth/signup',
    payload: { email: 'ada@example.com', password }
  })
  const headers = bearer(tokensOf(signUp).access_token)
  t.equal(codeOf(await app.inject({ url: '/notes' })), 'access_token_missing')
  t.equal(
    (await app.inject({ method: 'POST', url: '/notes', headers, payload: { note: 'buy a key' } })).statusCode,
    201
  )
  t.same((await app.inject({ url: '/notes', headers })).json(), ['buy a key'])
  t.equal((await app.inject({ method: 'DELETE', url: '/notes', headers })).statusCode, 204)
  t.same((await app.inject({ url: '/notes', headers })).json(), [])
})
