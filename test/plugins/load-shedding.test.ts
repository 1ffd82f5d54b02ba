import underPressure from '@fastify/under-pressure'
import Fastify, { type LightMyRequestResponse } from 'fastify'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { latchkey } from '../../app.ts'
import { build, makeStores, redisInMemory, refreshCookie, signUp, type App } from '../helper.ts'
import { isProblem } from '../problem.ts'
import { until } from '../stores/until.ts'

/** The event loop comes to nothing else for this long. */
const stall = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200)

/** Several times in a row, and in between it comes to one request. @returns how these were answered */
async function hogTheLoop(ask: () => Promise<LightMyRequestResponse>, until = (_status: number) => false) {
  const statuses: number[] = []
  do {
    stall()
    await setImmediate()
    statuses.push((await ask()).statusCode)
  } while (statuses.length < 10 && !statuses.some(until))
  return statuses
}

const me = (app: App, access_token: string) =>
  app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${access_token}` } })

t.test('while the event loop stays late, requests are refused at once and nothing is lost', async (t) => {
  const app = await build(t)
  const { access_token, refresh_token } = await signUp(app)
  while (!app.scope.isUnderPressure()) {
    stall()
    await setImmediate()
  }
  t.equal((await me(app, access_token)).statusCode, 200, 'a stall is not load')
  const statuses = await hogTheLoop(
    () => me(app, access_token),
    (status) => status === 503
  )
  t.equal(statuses.at(-1), 503, 'for longer it is')

  const cookie = `${refreshCookie}=${refresh_token}`
  const shed = await app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie } })
  isProblem(t, shed, 'temporarily_unavailable')
  t.equal(shed.headers['retry-after'], '1')
  t.notOk(shed.headers['set-cookie'], 'the cookie stays')
  t.equal((await app.inject('/health/live')).statusCode, 200, 'a restart would help nobody')
  t.match((await app.inject('/metrics')).body, '{reason="event_loop_delay"} 2')

  await until('it to be itself again', async () => (await me(app, access_token)).statusCode === 200)
  const refreshed = await app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie } })
  t.equal(refreshed.statusCode, 200)
})

t.test('a host app that sheds by itself decides for Latchkey too', async (t) => {
  const { env, redis } = await makeStores(t)
  const host = Fastify()
  t.teardown(() => host.close())
  await host.register(underPressure, { maxHeapUsedBytes: Number.MAX_SAFE_INTEGER })
  await host.register(latchkey, { ...env, ...(redisInMemory ? { redisClient: redis.duplicate() } : {}) })
  host.get('/own', async () => 'here')
  await host.ready()
  t.same(new Set(await hogTheLoop(() => host.inject('/auth/me'))), new Set([401]), 'answered, not shed')
  t.equal((await host.inject('/own')).body, 'here')
})
