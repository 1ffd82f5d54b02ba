// How a service hears that a session has ended, and that it hears of it in time.
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { build, codeOf, logIn, signUp, type App } from '../helper.ts'
import { until } from '../stores/until.ts'
import { buildService, get, listen, logOut, proxyTo } from './service.ts'

const isRefused = (service: FastifyInstance, token: string, within: number) =>
  until(
    'the service to refuse the token',
    async () => {
      const response = await get(service, token)
      return response.statusCode === 401 && codeOf(response)
    },
    { within }
  )

async function endedSession(app: App, service: FastifyInstance): Promise<string> {
  const { access_token } = await signUp(app)
  t.equal((await get(service, access_token)).statusCode, 200)
  t.equal((await logOut(app, access_token)).statusCode, 204)
  return access_token
}

/** Ten times what is promised on an idle machine; what it is there is printed. */
const eventsWithin = 1000

t.test('by server-sent events, at once', async (t) => {
  const app = await build(t)
  const service = await buildService(t, await listen(app))
  await followed(app, 1)
  const times: number[] = []
  for (let session = 0; session < 10; session++) {
    const token = await endedSession(app, service)
    const start = performance.now()
    t.equal(await isRefused(service, token, eventsWithin), 'session_revoked')
    times.push(performance.now() - start)
  }
  t.comment(`heard after ${Math.max(...times).toFixed(1)} ms at most`)
})

t.test('by server-sent events of another node than the one that ended it', async (t) => {
  const app = await build(t)
  const other = await build(t, {}, app.stores)
  const service = await buildService(t, await listen(other))
  await followed(other, 1)
  t.equal(await isRefused(service, await endedSession(app, service), eventsWithin), 'session_revoked')
})

t.test('by polling, within 5 s', async (t) => {
  const app = await build(t)
  const service = await buildService(t, await listen(app), { revocations: 'poll' })
  for (let session = 0; session < 3; session++) {
    t.equal(await isRefused(service, await endedSession(app, service), 5000), 'session_revoked')
  }
  t.equal(app.scope.revocationStreams.open(undefined).destroy().destroyed, true)
})

t.test('by polling, while streams can not be had', async (t) => {
  const app = await build(t)
  for (let stream = 0; stream < 1000; stream++) app.scope.revocationStreams.open(undefined)
  const service = await buildService(t, await listen(app))
  t.equal(await isRefused(service, await endedSession(app, service), 5000), 'session_revoked')
  t.equal(service.verifier.status.state, 'ok')
})

t.test('a service that starts later knows', async (t) => {
  const app = await build(t)
  const { access_token, email } = await signUp(app)
  const other = await logIn(app, email)
  await logOut(app, access_token)
  for (const revocations of ['events', 'poll'] as const) {
    const service = await buildService(t, await listen(app), { revocations })
    t.equal(codeOf(await get(service, access_token)), 'session_revoked')
    t.equal((await get(service, other.access_token)).statusCode, 200, 'and of nobody else')
  }
})

t.test('what happened while it was cut off is heard afterwards', async (t) => {
  const app = await build(t)
  const { proxy, url } = await proxyTo(t, app)
  for (const revocations of ['events', 'poll'] as const) {
    const service = await buildService(t, url, { revocations })
    await proxy.cut()
    const token = await endedSession(app, service)
    t.equal((await get(service, token)).statusCode, 200, 'it can not know')
    await proxy.restore()
    t.equal(await isRefused(service, token, 5000), 'session_revoked')
  }
})

t.test('a stream that carries nothing any more is given up', async (t) => {
  const app = await build(t)
  const { proxy, url } = await proxyTo(t, app)
  const service = await buildService(t, url)
  await followed(app, 1)
  proxy.silence()
  t.equal(await isRefused(service, await endedSession(app, service), 20_000), 'session_revoked')
})

t.test('a proxy that keeps events to itself: polling, within 5 s', async (t) => {
  const app = await build(t)
  const door = createServer((incoming, answer) => {
    const target = request(`${address}${incoming.url ?? ''}`, { headers: incoming.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers).flushHeaders()
      if (incoming.url !== '/revocations/stream') response.pipe(answer)
    })
    answer.on('close', () => target.destroy())
    target.on('error', () => answer.destroy())
    target.end()
  })
  const address = await listen(app)
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  t.teardown(() => {
    door.closeAllConnections()
    door.close()
  })
  const { port } = door.address() as AddressInfo
  const service = await buildService(t, `http://127.0.0.1:${String(port)}`)
  // The first stream is given up after ten seconds; from then on it polls.
  await isRefused(service, await endedSession(app, service), 20_000)
  t.equal(await isRefused(service, await endedSession(app, service), 5000), 'session_revoked')
})

/** Waits until so many services follow the events of a node. */
async function followed(app: App, services: number): Promise<void> {
  await until('the service to listen', async () => {
    const { body } = await app.inject('/metrics')
    return body.includes(`latchkey_revocation_streams ${String(services)}\n`)
  })
}
