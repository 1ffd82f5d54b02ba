// The client for apps that are no browser, against the real server over a real connection.
import t, { type Test } from 'tap'
import { AuthError, createNativeAuthClient, type NativeStorage } from '../../client/native/index.ts'
import { build, password, type App } from '../helper.ts'

/** A keychain that also tells what was put there, in order. */
function memory() {
  const written: string[] = []
  const storage: NativeStorage = {
    get: async () => written.at(-1) ?? null,
    async set(text) {
      written.push(text)
    }
  }
  return { storage, written, kept: () => JSON.parse(written.at(-1) ?? '{}') as Record<string, string> }
}

/** What the host app answers to refreshes in place of Latchkey. */
type Interference = (app: App) => { status: number; headers?: Record<string, string> } | undefined

async function start(t: Test, interfere: Interference = () => undefined) {
  const app = await build(t, { REFRESH_OVERLAP: 0, REFRESH_RATE: 0 })
  const refreshes: (string | undefined)[] = []
  // In front of the app, as a proxy would be: the listener of the server that the app is on.
  const [answer] = app.server.listeners('request') as ((request: unknown, response: unknown) => void)[]
  app.server.removeAllListeners('request').on('request', (request, response) => {
    if (request.url !== '/auth/refresh') return answer?.(request, response)
    refreshes.push(request.headers['idempotency-key'] as string | undefined)
    const instead = interfere(app)
    if (!instead) return answer?.(request, response)
    return response.writeHead(instead.status, instead.headers).end('<html>')
  })
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  const keychain = memory()
  const client = createNativeAuthClient({ baseUrl, storage: keychain.storage, deviceId: 'phone' })
  const account = { email: 'grace@example.com', password }
  await client.signup(account)
  const endings = async () =>
    (await app.stores.pool.query('SELECT revoked_reason FROM sessions ORDER BY created_at')).rows.map(
      ({ revoked_reason }: { revoked_reason: string | null }) => revoked_reason
    )
  return { app, baseUrl, client, account, refreshes, endings, ...keychain }
}

t.test('signs up, and finds its session again at the next start', async (t) => {
  const { client, baseUrl, storage, kept, written } = await start(t)
  t.match(await client.user(), { email: 'grace@example.com' })
  t.equal(written.length, 1, 'everything in one write')
  t.match(kept(), { refresh_token: /\w/, idempotency_key: /\w/ })
  t.notMatch(written[0], await client.getAccessToken(), 'the access token stays in memory')
  t.equal(written.length, 1, 'which is good without a refresh')

  const nextStart = createNativeAuthClient({ baseUrl, storage, deviceId: 'phone' })
  t.match(await nextStart.user(), { email: 'grace@example.com' })
  const response = await nextStart.fetch(`${baseUrl}/auth/me`)
  t.equal(response.status, 200)
  t.equal(written.length, 2)
})

t.test('however many ask, one refresh; its key was stored with the token before', async (t) => {
  const { client, refreshes, kept } = await start(t)
  const before = kept()
  const tokens = await Promise.all(Array.from({ length: 20 }, () => client.refresh()))
  t.equal(new Set(tokens).size, 1)
  t.same(refreshes, [before['idempotency_key']])
  t.not(kept()['refresh_token'], before['refresh_token'])
  t.not(kept()['idempotency_key'], before['idempotency_key'])
})

t.test('a token that the storage does not take is not used', async (t) => {
  const { client, refreshes, storage, endings } = await start(t)
  const kept = storage.set.bind(storage)
  storage.set = async () => {
    throw new Error('the disk is full')
  }
  await t.rejects(client.refresh(), /the disk is full/)
  storage.set = kept
  await client.refresh()
  t.equal(refreshes[0], refreshes[1], 'the same is asked again')
  t.same(await endings(), [null])
})

t.test('trouble on the way is tried again with the same key, and no sooner than is asked', async (t) => {
  const troubles: ReturnType<Interference>[] = [
    { status: 502 },
    { status: 200 },
    { status: 429, headers: { 'retry-after': '1' } }
  ]
  const { client, refreshes } = await start(t, () => troubles.shift())
  const asked = performance.now()
  await client.refresh()
  t.equal(refreshes.length, 4)
  t.equal(new Set(refreshes).size, 1)
  t.ok(performance.now() - asked >= 1000)
})

t.test('longer trouble is told, and costs no session', async (t) => {
  let away = true
  const { baseUrl, storage, refreshes, endings } = await start(t, () =>
    away ? { status: 503, headers: { 'retry-after': '60' } } : undefined
  )
  const client = createNativeAuthClient({ baseUrl, storage, deviceId: 'phone', patience: 0.2 })
  await t.rejects(client.getAccessToken(), { code: 'unexpected_answer', action: 'retry', retryAfter: 60 })
  await t.rejects(client.getAccessToken(), { code: 'unexpected_answer', action: 'retry' })
  t.equal(refreshes.length, 1, 'who asks again is told the same, and the server is left alone')
  away = false
  const nextStart = createNativeAuthClient({ baseUrl, storage, deviceId: 'phone' })
  await nextStart.getAccessToken()
  t.same(await endings(), [null])
})

t.test('a session that is over is forgotten, and nothing else is', async (t) => {
  const { app, client, written } = await start(t)
  await app.stores.pool.query("UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout'")
  await t.rejects(client.refresh(), { code: 'session_revoked', action: 'reauthenticate' })
  t.equal(written.at(-1), '')
  t.equal(await client.user(), null)
  await t.rejects(client.getAccessToken(), { code: 'not_signed_in', action: 'reauthenticate' })
})

t.test('a logout during a refresh wins', async (t) => {
  const { client, written, endings } = await start(t)
  const refreshed = client.refresh()
  await Promise.all([client.logout(), t.rejects(refreshed, { code: 'not_signed_in' })])
  t.equal(written.at(-1), '')
  t.same(await endings(), ['logout'])
})

t.test('a login during a refresh wins', async (t) => {
  const { client, account, kept, endings } = await start(t)
  const [token] = await Promise.all([client.refresh(), client.login(account)])
  t.equal(sidOf(token), kept()['session_id'], 'who waited has a token of the new session')
  t.same(await endings(), ['device_replaced', null])
})

t.test('fetch: a token that is refused is exchanged, once', async (t) => {
  const { app, client, baseUrl, refreshes } = await start(t)
  const echo = (status: number) => client.fetch(`${baseUrl}/echo`, { method: 'POST', body: String(status) })
  let asked: string[] = []
  const [answer] = app.server.listeners('request') as ((request: unknown, response: unknown) => void)[]
  app.server.removeAllListeners('request').on('request', (request, response) => {
    if (request.url !== '/echo') return answer?.(request, response)
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    return request.on('end', () => {
      asked.push(request.headers.authorization ?? '')
      response.writeHead(body === '401' || asked.length === 1 ? 401 : 200).end(body)
    })
  })
  t.equal(await (await echo(200)).text(), '200', 'the body goes along again')
  t.equal(new Set(asked).size, 2)
  t.equal(refreshes.length, 1)

  asked = []
  t.equal((await echo(401)).status, 401)
  t.equal(asked.length, 2)
  await t.rejects(client.fetch('https://elsewhere.example.com/'), /gets no access token/)
  await t.rejects(client.fetch(`${baseUrl}.example.com/`), /gets no access token/)
})

t.test('bad use', async (t) => {
  const { storage } = memory()
  for (const baseUrl of ['', 'auth.example.com', '/auth'])
    t.throws(() => createNativeAuthClient({ baseUrl, storage }), /baseUrl must be a URL such as/)
  const client = createNativeAuthClient({ baseUrl: 'https://auth.example.com/', storage })
  await t.rejects(client.getAccessToken(), { name: 'AuthError', code: 'not_signed_in' })

  await storage.set('{"refresh_token":')
  const startsOnRubbish = createNativeAuthClient({ baseUrl: 'https://auth.example.com', storage })
  await t.rejects(startsOnRubbish.getAccessToken(), /did not put there; login overwrites it/)
  t.equal(await storage.get(), '{"refresh_token":', 'it is left as it is')
  t.type(new AuthError('x', 'y'), Error)
})

const sidOf = (access_token: string) =>
  (JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as { sid: string }).sid
