import t from 'tap'
import { build } from '../helper.ts'
import { startReceiver, webhookSecret } from '../receiver.ts'
import { onStores } from '../server/process.ts'
import { latchkey } from './command.ts'

const receiver = await startReceiver(t)
const app = await build(t)
const env = { ...onStores(app.stores), WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: webhookSecret }
const run = (args: string[], more: NodeJS.ProcessEnv = {}) =>
  latchkey(['webhooks', ...args], { env: { ...env, ...more } })

t.test('test: a signed event is sent, and the answer shown', async (t) => {
  t.match(await run(['test']), {
    code: 0,
    stdout: 'The receiver answered 204. It was accepted.\n',
    stderr: ''
  })
  t.match(receiver.received, [{ message: { type: 'webhook.test', data: {} } }])
  receiver.status = 401
  const { code, stdout } = await run(['test', '--json'])
  t.equal(code, 1)
  t.match(JSON.parse(stdout), { id: receiver.received[1]?.id, status: 401, accepted: false })
  t.match(await run(['test'], { WEBHOOK_URL: 'http://127.0.0.1:9/' }), {
    code: 1,
    stderr: /does not answer: /
  })
  t.match(await run(['test'], { WEBHOOK_URL: '' }), { code: 1, stderr: /^WEBHOOK_URL is not set/ })
})

t.test('list: what was not delivered', async (t) => {
  t.match(await run(['list']), { code: 0, stdout: 'All were delivered.\n' })
  await app.stores.pool.query(
    `INSERT INTO webhooks (id, type, payload, created_at, attempts, due_at, last_error) VALUES
       (gen_random_uuid(), 'user.created', '{}', now() - interval '1 hour', 10, NULL, 'answered 500'),
       (gen_random_uuid(), 'session.ended', '{}', now(), 1, now() + interval '1 hour', 'answered 502')`
  )
  const { stdout } = await run(['list', '--json'])
  t.match(JSON.parse(stdout), {
    webhooks: [
      { type: 'user.created', attempts: 10, last_error: 'answered 500', state: 'given up', due_at: null },
      { type: 'session.ended', state: 'pending', due_at: /Z$/ }
    ]
  })
})
