// The example of verifier/README.md for a server without Fastify, as it stands there, and a client that knows
// nothing of us but the JWKS.
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { blocksOf, root } from '../docs/pages.ts'
import { bearer, build, signUp } from '../helper.ts'
import { issuer, listen, logOut } from './service.ts'

t.test('the plain server of the README', async (t) => {
  const app = await build(t)
  const url = await listen(app)
  const code = blocksOf('verifier/README.md').find(({ code }) => code.includes('createServer'))?.code ?? ''
  const folder = t.testdir({
    'server.ts': code
      .replaceAll("'latchkey/verifier'", JSON.stringify(pathToFileURL(join(root, 'verifier/index.ts')).href))
      .replaceAll('https://auth.example.com', issuer)
      .replace('audience:', `url: ${JSON.stringify(url)}, audience:`)
      .replace('.listen(8080)', ".listen(0, '127.0.0.1')")
  })
  const { server, verifier } = (await import(pathToFileURL(join(folder, 'server.ts')).href)) as {
    server: Server
    verifier: { close(): void; ready(): Promise<void> }
  }
  if (!server.listening) await once(server, 'listening')
  t.teardown(() => {
    verifier.close()
    server.close()
  })
  await verifier.ready()
  const address = server.address()
  const service = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`

  const { access_token, user_id } = await signUp(app)
  const headers = bearer(access_token)
  t.equal(await (await fetch(service, { headers })).text(), `Hello, ${user_id}`)
  const refused = await fetch(service)
  t.equal(refused.status, 401)
  t.equal(refused.headers.get('www-authenticate'), 'Bearer realm="latchkey"')
  t.match(await refused.json(), { code: 'access_token_missing', action: 'none' })

  await logOut(app, access_token)
  for (;;) {
    const response = await fetch(service, { headers })
    if (response.status === 200) continue
    t.match(await response.json(), { code: 'session_revoked', action: 'reauthenticate' })
    break
  }
})

t.test('jose verifies an access token from the JWKS alone', async (t) => {
  const app = await build(t)
  const { access_token, session_id, user_id } = await signUp(app)
  const keys = createLocalJWKSet((await app.inject('/.well-known/jwks.json')).json<JSONWebKeySet>())
  const rules = { issuer, audience: issuer, typ: 'at+jwt', algorithms: ['ES256'] }
  const { payload } = await jwtVerify(access_token, keys, rules)
  t.match(payload, { sub: user_id, sid: session_id })
})
