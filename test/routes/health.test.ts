import t from 'tap'
import { buildBehindProxies } from '../behind-proxies.ts'
import { build } from '../helper.ts'

t.test('live and ready', async (t) => {
  const app = await build(t)
  const live = await app.inject('/health/live')
  t.equal(live.statusCode, 200)
  t.same(live.json(), { status: 'ok' })
  const ready = await app.inject('/health/ready')
  t.equal(ready.statusCode, 200)
  t.equal(ready.headers['cache-control'], 'no-store')
  t.same(ready.json(), { status: 'ok', postgres: 'up', redis: 'up' })
})

for (const [store, other] of [
  ['postgres', 'redis'],
  ['redis', 'postgres']
] as const) {
  t.test(`without ${store} it is live and not ready`, async (t) => {
    const { app, proxies } = await buildBehindProxies(t)
    await proxies[store].cut()
    const ready = await app.inject('/health/ready')
    t.equal(ready.statusCode, 503)
    t.same(ready.json(), { status: 'unavailable', [store]: 'down', [other]: 'up' })
    t.equal((await app.inject('/health/live')).statusCode, 200)
    t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 200)
  })
}
