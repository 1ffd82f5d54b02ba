import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { build, signUp } from '../helper.ts'

t.test('the published keys verify our access tokens, and show nothing private', async (t) => {
  const app = await build(t)
  const response = await app.inject('/.well-known/jwks.json')
  t.equal(response.statusCode, 200)
  t.match(response.headers, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'public, max-age=300'
  })
  const jwks = response.json<JSONWebKeySet>()
  t.equal(jwks.keys.length, 1)
  for (const key of jwks.keys) {
    t.same(Object.keys(key), ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use'], 'above all no "d"')
  }
  const { access_token, user_id } = await signUp(app)
  const { payload } = await jwtVerify(access_token, createLocalJWKSet(jwks), {
    issuer: 'http://localhost:3000',
    audience: 'http://localhost:3000',
    typ: 'at+jwt',
    algorithms: ['ES256']
  })
  t.equal(payload.sub, user_id)
})

t.test('two nodes that start together have one key', async (t) => {
  const first = await build(t)
  const nodes = [first, ...(await Promise.all([build(t, {}, first.stores), build(t, {}, first.stores)]))]
  const sets = await Promise.all(nodes.map((node) => node.inject('/.well-known/jwks.json')))
  t.equal(new Set(sets.map(({ body }) => body)).size, 1)
})
