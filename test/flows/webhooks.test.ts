import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { pickFreePort } from '../../embedded/free-port.ts'
import { bearer, build, logIn, makeStores, signUp, startNode, type App } from '../helper.ts'
import { startReceiver, webhookSecret, type Receiver } from '../receiver.ts'
import { until } from '../stores/until.ts'

interface Row {
  type: string
  attempts: number
  delivered: boolean
  /** Seconds until the next attempt. */
  due: number | null
  last_error: string | null
}

const rowsOf = async ({ stores }: Pick<App, 'stores'>) => {
  const { rows } = await stores.pool.query<Row>(
    `SELECT type, attempts, delivered_at IS NOT NULL AS delivered,
            extract(epoch FROM due_at - now())::float8 AS due, last_error FROM webhooks ORDER BY id`
  )
  return rows
}

/** As if time had passed until the next attempts. */
const makeDue = ({ stores }: App) =>
  stores.pool.query('UPDATE webhooks SET due_at = now() WHERE due_at IS NOT NULL')

const settings = ({ url }: Pick<Receiver, 'url'>) => ({ WEBHOOK_URL: url, WEBHOOK_SECRET: webhookSecret })

const attempted = (app: App, attempts: number) =>
  until(`attempt ${String(attempts)}`, async () => {
    const rows = await rowsOf(app)
    return rows.length > 0 && rows.every((row) => row.attempts === attempts && row.last_error !== null)
  })

/** A node with one event, whose webhook is `user.disabled`. */
async function withEvent(t: Test, receiver: Pick<Receiver, 'url'>) {
  const app = await build(t, settings(receiver))
  const user_id = '01a205e5-e566-71ef-9c49-321a516f9d51'
  app.scope.securityEvents.record({ type: 'account_disabled', user_id })
  return { app, user_id }
}

t.test('users and sessions: signed, with ids and nothing else', async (t) => {
  const receiver = await startReceiver(t)
  const app = await build(t, settings(receiver))
  const { email, user_id, session_id, access_token } = await signUp(app)
  const login = await logIn(app, email)
  await app.inject({ method: 'POST', url: '/auth/login', payload: { email, password: 'a wrong password' } })
  await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(access_token) })
  const by = { user_id, ip: '192.0.2.7', user_agent: 'an agent' }
  for (const type of ['account_created', 'account_disabled', 'account_enabled', 'role_changed'] as const)
    app.scope.securityEvents.record({ ...by, type })
  const expected = [
    ['session.created', { user_id, session_id }],
    ['session.created', { user_id, session_id: login.session_id }],
    ['session.ended', { user_id, session_id, reason: 'logout' }],
    ['user.created', { user_id }],
    ['user.created', { user_id }],
    ['user.disabled', { user_id }],
    ['user.enabled', { user_id }],
    ['user.updated', { user_id }]
  ]
  await until('all of them', async () => receiver.received.length >= expected.length)
  const sort = (list: unknown[]) => list.map((one) => JSON.stringify(one)).sort()
  const { received } = receiver
  t.same(sort(received.map(({ message: { type, data } }) => [type, data])), sort(expected))
  for (const { body, message, headers } of received) {
    t.same(Object.keys(message), ['type', 'timestamp', 'data'])
    t.ok(Math.abs(Date.parse(message.timestamp) - Date.now()) < 60_000)
    t.notMatch(body, email)
    t.equal(headers['content-type'], 'application/json')
  }
  t.equal(new Set(received.map(({ id }) => id)).size, expected.length, 'each has an id of its own')
  await until('the table to know', async () => (await rowsOf(app)).every(({ delivered }) => delivered))

  await app.stores.pool.query(
    "UPDATE webhooks SET created_at = now() - interval '8 days' WHERE type = 'user.created'"
  )
  await app.scope.housekeeping.run()
  t.equal((await rowsOf(app)).length, expected.length - 2, 'and forgets them later')
})

t.test('while secrets are exchanged, both sign', async (t) => {
  const next = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
  const receiver = await startReceiver(t, 0, next)
  const app = await build(t, { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: `${webhookSecret}, ${next}` })
  await signUp(app)
  await until('the new one to be accepted', async () => receiver.received.length === 2)
  for (const { body, headers } of receiver.received)
    t.ok(new Webhook(webhookSecret).verify(body, headers as Record<string, string>), 'the old one')
})

t.test('what is not accepted comes again, later and later, as the same message', async (t) => {
  const receiver = await startReceiver(t)
  const { received } = receiver
  receiver.status = 500
  const { app, user_id } = await withEvent(t, receiver)
  await attempted(app, 1)
  const [first] = await rowsOf(app)
  t.match(first, { type: 'user.disabled', delivered: false, last_error: 'answered 500' })
  t.ok(first?.due && first.due > 0 && first.due <= 6, 'after 5 s, more or less')
  receiver.status = 302
  await makeDue(app)
  await attempted(app, 2)
  await until('its end to be noted', async () => (await rowsOf(app))[0]?.last_error === 'answered 302')
  const [second] = await rowsOf(app)
  t.ok(second?.due && second.due > 290 && second.due <= 360, 'then 5 minutes')
  t.equal(received.length, 2, 'and a redirect is not followed')
  receiver.status = 200
  await makeDue(app)
  await until('its delivery', async () => (await rowsOf(app))[0]?.delivered ?? false)
  t.match(await rowsOf(app), [{ attempts: 3, due: null, last_error: null }])
  t.equal(new Set(received.map(({ id }) => id)).size, 1)
  t.equal(new Set(received.map(({ body }) => body)).size, 1)
  t.same(received[0]?.message.data, { user_id })
  t.match((await app.inject({ url: '/metrics' })).body, /latchkey_webhooks_total\{result="failed"\} 2/)
})

t.test('410, or ten attempts in vain: given up', async (t) => {
  const receiver = await startReceiver(t)
  receiver.status = 410
  const { app } = await withEvent(t, receiver)
  await attempted(app, 1)
  t.match(await rowsOf(app), [{ due: null, delivered: false, last_error: 'answered 410' }])

  receiver.status = 503
  await app.stores.pool.query('UPDATE webhooks SET attempts = 8, due_at = now(), last_error = NULL')
  await attempted(app, 9)
  const [ninth] = await rowsOf(app)
  t.ok(ninth?.due && ninth.due > 86_000, 'the last pause is a day')
  await app.stores.pool.query('UPDATE webhooks SET last_error = NULL')
  await makeDue(app)
  await attempted(app, 10)
  t.match(await rowsOf(app), [{ due: null, delivered: false }])
  t.match((await app.inject({ url: '/metrics' })).body, /latchkey_webhooks_total\{result="given_up"\} 2/)
})

t.test('a receiver that is away, and a server that ends: delivered by the next one', async (t) => {
  const port = await pickFreePort()
  const url = `http://127.0.0.1:${String(port)}/hooks?of=latchkey`
  const stores = await makeStores(t)
  const app = await startNode(stores, settings({ url }))
  const { user_id } = await signUp(app)
  await attempted(app, 1)
  t.match(await rowsOf(app), [
    { last_error: 'no answer: ECONNREFUSED' },
    { last_error: 'no answer: ECONNREFUSED' }
  ])
  app.scope.securityEvents.record({ type: 'account_disabled', user_id })
  await app.close()
  t.equal((await rowsOf(app)).length, 3, 'what was noted is written as it closes')

  const receiver = await startReceiver(t, port)
  await makeDue(app)
  const next = await build(t, settings(receiver), stores)
  await until('all to be delivered', async () => (await rowsOf(next)).every(({ delivered }) => delivered))
  t.same(receiver.received.map(({ message }) => message.type).sort(), [
    'session.created',
    'user.created',
    'user.disabled'
  ])
})

t.test('a node that was killed in the middle: another one goes on', async (t) => {
  const receiver = await startReceiver(t)
  const { app } = await withEvent(t, receiver)
  await until('its delivery', async () => (await rowsOf(app))[0]?.delivered ?? false)
  // As the dead one has left it.
  await app.stores.pool.query("UPDATE webhooks SET delivered_at = NULL, due_at = now() + interval '60 s'")
  await app.scope.webhooks.deliver()
  t.equal(receiver.received.length, 1, 'not while it may be under way')
  await makeDue(app)
  await until('its delivery', async () => (await rowsOf(app))[0]?.delivered ?? false)
  t.equal(receiver.received.length, 2)
})

t.test('two nodes send each once', async (t) => {
  const receiver = await startReceiver(t)
  const one = await build(t, settings(receiver))
  const other = await build(t, settings(receiver), one.stores)
  for (let index = 0; index < 60; index++)
    one.scope.securityEvents.record({ type: 'role_changed', user_id: '01a205e5-e566-71ef-9c49-321a516f9d51' })
  await until('the events', async () => (await rowsOf(one)).length === 60)
  await Promise.all([one.scope.webhooks.deliver(), other.scope.webhooks.deliver()])
  await until('all to be delivered', async () => (await rowsOf(one)).every(({ delivered }) => delivered))
  t.equal(receiver.received.length, 60)
  t.equal(new Set(receiver.received.map(({ id }) => id)).size, 60)
})

t.test('without a receiver nothing is written', async (t) => {
  const stores = await makeStores(t)
  const app = await startNode(stores)
  await signUp(app)
  await app.close()
  t.same(await rowsOf(app), [])
})
