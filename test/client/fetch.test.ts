// `fetch` of the SDK: who is given the access token, and what happens on a 401.
import Fastify from 'fastify'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { Browser, serve } from './browser.ts'

const app = await serve(t)

interface Seen {
  authorization: string | undefined
  body: string
}

/** Somebody's API: notes what it is sent, and refuses the tokens that it is told to. */
async function startApi(t: Test, refuses: (authorization: string) => boolean = () => false, challenge = '') {
  const api = Fastify({ forceCloseConnections: true })
  const seen: Seen[] = []
  api.removeAllContentTypeParsers()
  api.addContentTypeParser('*', async (_request: unknown, payload: Readable) => text(payload))
  api.all('/*', async ({ headers: { authorization }, body }, reply) => {
    seen.push({ authorization, body: typeof body === 'string' ? body : '' })
    if (!refuses(authorization ?? '')) return 'ok'
    if (challenge) void reply.header('www-authenticate', challenge)
    return reply.code(401).send('no')
  })
  await api.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => api.close())
  return { url: api.listeningOrigin, seen }
}

t.test('the token goes to the origin of Latchkey and to those that are listed, to no other', async (t) => {
  const browser = Browser.start(t, app)
  const mine = await startApi(t)
  const foreign = await startApi(t)
  const { client } = await browser.signUp({ tokenOrigins: [mine.url] })
  const token = await client.getAccessToken()

  t.equal((await client.fetch(`${browser.url}/auth/me`)).status, 200)
  await client.fetch(`${mine.url}/notes`)
  await client.fetch(new URL(`${mine.url}/notes`), { headers: { 'x-other': '1' } })
  await client.fetch(new Request(`${mine.url}/notes`))
  t.same(new Set(mine.seen.map(({ authorization }) => authorization)), new Set([`Bearer ${token}`]))

  const { host } = new URL(mine.url)
  for (const url of [
    foreign.url,
    `${foreign.url}/?${mine.url}`,
    `${foreign.url.replace('//', `//${host}@`)}`
  ]) {
    // A URL with credentials is none that may be fetched at all.
    await client.fetch(url).catch(() => undefined)
    await client.fetch(new Request(foreign.url, { method: 'POST', body: 'x' }))
  }
  t.ok(foreign.seen.length >= 5)
  t.same(new Set(foreign.seen.map(({ authorization }) => authorization)), new Set([undefined]))
})

t.test('an Authorization of the caller is left alone', async (t) => {
  const browser = Browser.start(t, app)
  const mine = await startApi(t)
  const { client } = await browser.signUp({ tokenOrigins: [mine.url] })
  await client.fetch(mine.url, { headers: { authorization: 'Basic eDp5' } })
  t.same(mine.seen, [{ authorization: 'Basic eDp5', body: '' }])
})

const stream = () => new Response('of some size').body
const bodies: [string, () => BodyInit, string][] = [
  ['a string', () => 'text', 'text'],
  ['bytes', () => new TextEncoder().encode('bytes'), 'bytes'],
  ['a blob', () => new Blob(['blob']), 'blob'],
  ['a form', () => new URLSearchParams({ a: '1' }), 'a=1']
]

for (const [name, body, sent] of bodies) {
  t.test(`on 401 a request with ${name} goes once more, with a new token`, async (t) => {
    const browser = Browser.start(t, app)
    const refused = new Set<string>()
    const mine = await startApi(t, (authorization) => refused.has(authorization))
    const { client } = await browser.signUp({ tokenOrigins: [mine.url] })
    refused.add(`Bearer ${await client.getAccessToken()}`)
    const response = await client.fetch(mine.url, { method: 'POST', body: body() })
    t.equal(response.status, 200)
    refused.add(`Bearer ${await client.getAccessToken()}`)
    t.equal((await client.fetch(new Request(mine.url, { method: 'PUT', body: body() }))).status, 200)
    t.same(
      mine.seen.map((one) => one.body),
      [sent, sent, sent, sent]
    )
    t.equal(browser.sent('/auth/refresh').length, 2)
  })
}

t.test(
  "a stream is not kept for a second time: the answer is the caller's, the new token is under way",
  async (t) => {
    const browser = Browser.start(t, app)
    const refused = new Set<string>()
    const mine = await startApi(t, (authorization) => refused.has(authorization))
    const { client, changed } = await browser.signUp({ tokenOrigins: [mine.url] })
    refused.add(`Bearer ${await client.getAccessToken()}`)
    const upload = () =>
      client.fetch(mine.url, { method: 'POST', body: stream(), duplex: 'half' } as RequestInit)
    t.equal((await upload()).status, 401)
    await changed('refreshed')
    t.equal((await upload()).status, 200)
    t.same(
      mine.seen.map(({ body }) => body),
      ['of some size', 'of some size']
    )
  }
)

t.test('many requests that are refused at once are one refresh', async (t) => {
  const browser = Browser.start(t, app)
  const refused = new Set<string>()
  const mine = await startApi(t, (authorization) => refused.has(authorization))
  const { client } = await browser.signUp({ tokenOrigins: [mine.url] })
  refused.add(`Bearer ${await client.getAccessToken()}`)
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.fetch(mine.url)))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal(browser.sent('/auth/refresh').length, 1)
})

t.test('an API that refuses every token costs one refresh, not one a call', async (t) => {
  const browser = Browser.start(t, app)
  const mine = await startApi(t, () => true)
  const { client } = await browser.signUp({ tokenOrigins: [mine.url] })
  for (let call = 0; call < 5; call += 1) t.equal((await client.fetch(mine.url)).status, 401)
  t.equal(browser.sent('/auth/refresh').length, 1)
})

t.test("a 401 that is not about the token is the app's own affair", async (t) => {
  const browser = Browser.start(t, app)
  const mine = await startApi(t, () => true, 'Bearer realm="x", error="insufficient_scope"')
  const { client } = await browser.signUp({ tokenOrigins: [mine.url] })
  t.equal((await client.fetch(mine.url)).status, 401)
  t.equal(mine.seen.length, 1)
  t.equal(browser.sent('/auth/refresh').length, 0)
})

t.test('an access token of a session that was ended: the refresh decides', async (t) => {
  const browser = Browser.start(t, app)
  const { client, session_id, changed } = await browser.signUp()
  await app.stores.pool.query(
    "UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout_all' WHERE id = $1",
    [session_id]
  )
  await t.rejects(client.logoutAll(), { code: 'not_signed_in', cause: { code: 'session_revoked' } })
  t.match(await changed('signed_out'), { state: { reason: 'session_revoked' } })
})

t.test('who gives up waiting is told so at once', async (t) => {
  const browser = Browser.start(t, app)
  const { client } = await browser.signUp()
  browser.pass(900_000)
  browser.network = () => new Promise(() => undefined)
  const leave = new AbortController()
  const given: Promise<unknown>[] = [
    client.fetch(`${browser.url}/auth/me`, { signal: leave.signal }),
    client.getAccessToken({ signal: leave.signal })
  ]
  const refused = given.map((one) => t.rejects(one, { name: 'AbortError' }))
  leave.abort()
  await Promise.all(refused)
  await t.rejects(client.fetch(`${browser.url}/auth/me`, { signal: leave.signal }), { name: 'AbortError' })
})
