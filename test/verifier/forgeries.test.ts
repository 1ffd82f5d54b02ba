// What RFC 8725 warns of, tried on a service; test/plugins/access-tokens.test.ts tries the same on the server.
import { createServer } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { tamper } from '../forge.ts'
import { forgeries } from '../forgeries.ts'
import { build, codeOf, signUp } from '../helper.ts'
import { outboundRequests } from '../outbound.ts'
import { isProblem } from '../problem.ts'
import { buildService, get, listen } from './service.ts'

t.test('every forgery is refused, and nobody but the issuer is asked for a key', async (t) => {
  const app = await build(t)
  const elsewhere = createServer().listen(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  t.teardown(() => elsewhere.close())
  elsewhere.on('connection', () => t.fail('somebody asked for a key elsewhere'))
  const address = elsewhere.address()
  const port = typeof address === 'object' ? address?.port : 0

  const service = await buildService(t, await listen(app))
  const outbound = outboundRequests(t)
  for (const [name, token] of Object.entries(await forgeries(app, `http://127.0.0.1:${String(port)}`))) {
    const response = await get(service, token)
    isProblem(t, response, 'access_token_invalid', name)
    t.equal(response.headers['www-authenticate'], 'Bearer realm="latchkey", error="invalid_token"')
  }
  const ours = ['/revocations', '/.well-known/jwks.json']
  t.same(
    outbound.filter((path) => !ours.some((known) => path.startsWith(known))),
    []
  )
})

t.test('a token with any one of its characters changed is refused, also after it was seen', async (t) => {
  const app = await build(t)
  const service = await buildService(t, await listen(app))
  const { access_token } = await signUp(app)
  for (const seen of [false, true]) {
    const codes = await Promise.all(
      tamper(access_token).map(async (token) => codeOf(await get(service, token)))
    )
    t.ok(codes.length > 600)
    t.same(new Set(codes), new Set(['access_token_invalid']), `seen: ${String(seen)}`)
    t.equal((await get(service, access_token)).statusCode, 200)
  }
})
