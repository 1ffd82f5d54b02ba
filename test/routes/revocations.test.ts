import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { createHash } from 'node:crypto'
import { bearer, build, signUp, startNode, makeStores, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { until } from '../stores/until.ts'
import { listen, logOut } from '../verifier/service.ts'
import type { Revocations } from '../../schemas/revocations.ts'

const fingerprint = (id: string) => createHash('sha256').update(id).digest('base64url').slice(0, 22)

const ask = async (app: App, since?: string, headers: Record<string, string> = {}) => {
  const response = await app.inject({ url: '/revocations', query: since ? { since } : {}, headers })
  return {
    response,
    ...(response.statusCode === 200 ? response.json<Revocations>() : { revoked: [], as_of: '' })
  }
}

async function endSession(app: App): Promise<string> {
  const { access_token, session_id } = await signUp(app)
  await logOut(app, access_token)
  return session_id
}

t.test('the answer holds fingerprints of what ended lately, and nothing else', async (t) => {
  const app = await build(t)
  await signUp(app)
  const sid = await endSession(app)
  const { response } = await ask(app)
  t.same(Object.keys(response.json<object>()), ['revoked', 'as_of', 'remember_for'])
  t.same(response.json<Revocations>().revoked, [fingerprint(sid)])
  t.equal(response.json<Revocations>().remember_for, 1830)
  t.notOk(response.body.includes(sid))
  t.equal(response.headers['cache-control'], 'public, max-age=1')
})

t.test('since: only what is newer, and nothing that anybody may have missed', async (t) => {
  const app = await build(t)
  const sid = await endSession(app)
  const { as_of } = await ask(app)
  t.same((await ask(app, as_of)).revoked, [fingerprint(sid)], 'clocks of nodes may differ by ten seconds')
  const later = new Date(Date.parse(as_of) + 15_000).toISOString()
  t.same((await ask(app, later)).revoked, [])
  for (const since of ['yesterday', '0', '2026-01-01'])
    isProblem(t, (await ask(app, since)).response, 'invalid_request')
})

t.test('a node that can not read the record says as of when it speaks', async (t) => {
  const stores = await makeStores(t)
  const app = await build(t, {}, stores)
  const first = (await ask(app)).as_of
  await until('it to read the record again', async () => (await ask(app)).as_of > first)
  await stores.pool.query('ALTER TABLE sessions RENAME TO away')
  const last = (await ask(app)).as_of
  await until('its next reading to fail', async () => {
    const { body } = await app.inject('/metrics')
    return Number(/^latchkey_revocation_lag_seconds (.*)$/m.exec(body)?.[1]) > 3
  })
  const { as_of } = await ask(app)
  t.ok(Date.parse(as_of) - Date.parse(last) < 2500, 'it is not the time of the answer')
})

t.test('304 as long as nothing is new, and no store is asked', async (t) => {
  const app = await build(t)
  await endSession(app)
  const { response } = await ask(app)
  const etag = String(response.headers.etag)
  t.match(etag, /^W\/"[\w-]{43}"$/)
  for (const header of [etag, `"x", ${etag}`]) {
    const again = await ask(app, undefined, { 'if-none-match': header })
    t.same([again.response.statusCode, again.response.body], [304, ''])
    t.equal(again.response.headers.etag, etag)
  }
  await endSession(app)
  t.equal((await ask(app, undefined, { 'if-none-match': etag })).response.statusCode, 200)
})

/** A stream, and all that came of it. */
async function openStream(t: Test, app: App, headers: string[] = []) {
  const { port } = new URL(await listen(app))
  const socket = connect(Number(port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => (received += text))
  socket.write(['GET /revocations/stream HTTP/1.1', 'Host: localhost', ...headers, '', ''].join('\r\n'))
  await until('the first event', async () => received.includes('\n\n'))
  return { socket, received: () => received }
}

t.test('a stream begins with what was missed, and goes on with what happens', async (t) => {
  const app = await build(t)
  const old = fingerprint(await endSession(app))
  const all = await openStream(t, app)
  t.match(all.received(), /^HTTP\/1.1 200 OK\r\n[^]*content-type: text\/event-stream/)
  t.match(all.received(), /x-accel-buffering: no/)
  t.match(
    all.received(),
    new RegExp(`id: [\\d-]{10}T[\\d:.]+Z\nevent: revoked\ndata: \\{"revoked":\\["${old}"\\]`)
  )
  const last = new Date(Date.now() + 15_000).toISOString()
  const since = await openStream(t, app, [`Last-Event-ID: ${last}`])
  t.notOk(since.received().includes(old))

  const fresh = fingerprint(await endSession(app))
  for (const { received } of [all, since]) await until('the news', async () => received().includes(fresh))
  await until('a sign of life', async () => /"revoked":\[\][^]*"revoked":\[\]/.test(since.received()), {
    within: 15_000
  })
})

t.test('a listener that does not read is let go', async (t) => {
  const app = await build(t)
  const stream = app.scope.revocationStreams.open(undefined)
  const ids = (batch: number) =>
    Array.from({ length: 10_000 }, (_, index) => `${String(batch)}.${String(index)}`)
  for (let batch = 0; batch < 10; batch++) app.scope.revocationFeed.remember(ids(batch))
  t.ok(stream.destroyed)
})

t.test('the server closes with streams open', async (t) => {
  const app = await startNode(await makeStores(t))
  t.teardown(() => app.close())
  const { socket, received } = await openStream(t, app)
  const ended = once(socket, 'close')
  await app.close()
  await ended
  t.ok(received().endsWith('0\r\n\r\n'), 'the answer is whole')
})

t.test('a stream that its listener leaves is forgotten', async (t) => {
  const app = await build(t)
  const { socket } = await openStream(t, app)
  const streams = async () => (await app.inject('/metrics')).body.includes('latchkey_revocation_streams 0\n')
  t.notOk(await streams())
  socket.destroy()
  await until('it to be forgotten', streams)
})

t.test('HEAD and a credential change nothing', async (t) => {
  const app = await build(t)
  t.equal((await app.inject({ method: 'HEAD', url: '/revocations/stream' })).statusCode, 404)
  t.equal((await app.inject({ url: '/revocations', headers: bearer('x') })).statusCode, 200)
})
