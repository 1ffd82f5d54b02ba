// Introspection stands in where keys or revocations can not be had. A door in front of the auth server decides
// what a service reaches of it.
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import t, { type Test } from 'tap'
import { build, codeOf, signUp, type App } from '../helper.ts'
import { makeClient } from '../oauth.ts'
import { until } from '../stores/until.ts'
import { buildService, get, listen, logOut } from './service.ts'

/** Lets requests through to an auth server, but for the paths that are closed. */
async function doorTo(t: Test, app: App, closed: Set<string>) {
  const asked: string[] = []
  const target = await listen(app)
  const door = createServer((incoming, answer) => {
    const [path = ''] = (incoming.url ?? '').split('?')
    asked.push(path)
    if ([...closed].some((prefix) => path.startsWith(prefix))) {
      answer.writeHead(502).end()
      return
    }
    const { method, headers } = incoming
    const onward = request(`${target}${incoming.url ?? ''}`, { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    answer.on('close', () => onward.destroy())
    onward.on('error', () => answer.destroy())
    incoming.pipe(onward)
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  t.teardown(() => {
    door.closeAllConnections()
    door.close()
  })
  const address = door.address()
  const url = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`
  return { url, introspections: () => asked.filter((path) => path === '/oauth/introspect').length }
}

async function setUp(t: Test, closed: string[]) {
  const app = await build(t)
  const { id, secret } = await makeClient(app)
  const doors = new Set(closed)
  const { url, introspections } = await doorTo(t, app, doors)
  const introspection = { client_id: id, client_secret: secret }
  const service = await buildService(t, url, { revocations: 'poll', introspection })
  return { app, service, doors, introspections }
}

t.test('nobody is asked while keys and revocations are at hand', async (t) => {
  const { app, service, introspections } = await setUp(t, [])
  t.equal((await get(service, (await signUp(app)).access_token)).statusCode, 200)
  t.equal(introspections(), 0)
})

t.test('without keys: what the auth server calls active gets in, once asked for many requests', async (t) => {
  const { app, service, introspections } = await setUp(t, ['/.well-known'])
  const { access_token, user_id, refresh_token } = await signUp(app)
  const responses = await Promise.all(Array.from({ length: 20 }, () => get(service, access_token)))
  t.same(new Set(responses.map(({ body }) => body)), new Set([JSON.stringify({ owner: user_id })]))
  t.equal(introspections(), 1)
  t.equal(codeOf(await get(service, refresh_token)), 'access_token_invalid', 'a refresh token is none')
  t.equal(codeOf(await get(service, 'x')), 'access_token_invalid')
})

t.test('without keys, and for another audience: active or not', async (t) => {
  const app = await build(t)
  const { id, secret } = await makeClient(app)
  const { url } = await doorTo(t, app, new Set(['/.well-known']))
  const introspection = { client_id: id, client_secret: secret }
  const service = await buildService(t, url, { introspection, audience: 'https://other.example.com' })
  t.equal(codeOf(await get(service, (await signUp(app)).access_token)), 'access_token_invalid')
})

t.test(
  'without news of revocations: an ended session is refused, by what the auth server says',
  async (t) => {
    const { app, service, doors } = await setUp(t, [])
    const [ended, live] = [await signUp(app), await signUp(app)]
    doors.add('/revocations')
    await until('it to notice', async () => service.verifier.status.state === 'stale')
    await logOut(app, ended.access_token)
    t.equal(codeOf(await get(service, ended.access_token)), 'access_token_invalid')
    t.equal((await get(service, live.access_token)).statusCode, 200)

    doors.add('/oauth')
    const other = await signUp(app)
    t.equal((await get(service, other.access_token)).statusCode, 200, 'nobody can be asked: it goes on')
  }
)

t.test('an answer is taken for five seconds, not for longer', async (t) => {
  const { app, service } = await setUp(t, ['/revocations'])
  const { access_token } = await signUp(app)
  t.equal((await get(service, access_token)).statusCode, 200)
  await logOut(app, access_token)
  const refused = await until(
    'it to ask again',
    async () => (await get(service, access_token)).statusCode === 401,
    {
      within: 7000
    }
  )
  t.ok(refused)
})

t.test('credentials that are refused are as good as none', async (t) => {
  const app = await build(t)
  const { url } = await doorTo(t, app, new Set(['/.well-known']))
  const service = await buildService(t, url, { introspection: { client_id: 'x', client_secret: 'y' } })
  t.equal(codeOf(await get(service, (await signUp(app)).access_token)), 'temporarily_unavailable')
})
