import Fastify from 'fastify'
import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { latchkey } from '../../app.ts'
import { makeStores, redisInMemory } from '../helper.ts'
import configuration, { readConfiguration } from '../../plugins/configuration.ts'
import errors from '../../plugins/errors.ts'
import handlerDeadline from '../../plugins/handler-deadline.ts'
import metrics from '../../plugins/metrics.ts'
import { isProblem } from '../problem.ts'

async function serverWith(t: Test, { timeout, handlerTimeout }: { timeout: number; handlerTimeout: number }) {
  const fastify = Fastify({ genReqId: () => randomUUID(), handlerTimeout })
  t.teardown(() => fastify.close())
  await fastify.register(configuration, { configuration: readConfiguration({}) })
  await fastify.register(metrics)
  await fastify.register(errors)
  await fastify.register(handlerDeadline, { timeout })
  let goOn = (): void => undefined
  const goneOn = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const handler = async () => {
    await goneOn
    return 'late'
  }
  return { fastify, handler, goOn }
}
const never = 2_147_483_647

t.test('a handler that does not answer is a 503, and one without a deadline is waited for', async (t) => {
  const { fastify, handler, goOn } = await serverWith(t, { timeout: 20, handlerTimeout: never })
  fastify.route({ method: ['GET', 'POST'], url: '/', handler })
  fastify.get('/waits', { config: { deadline: false } }, handler)
  const url = await fastify.listen({ host: '127.0.0.1', port: 0 })
  const waited = fastify.inject('/waits')
  for (const init of [{}, { method: 'POST' }, { method: 'POST', body: 'a body that is read' }]) {
    const response = await fetch(url, init)
    t.equal(response.status, 503, JSON.stringify(init))
    t.match(response.headers.get('retry-after'), /^[1-9]\d*$/)
    t.match(await response.json(), { code: 'temporarily_unavailable', action: 'retry' })
  }
  isProblem(t, await fastify.inject('/'), 'temporarily_unavailable')
  goOn()
  t.equal((await waited).body, 'late')
})

t.test('a deadline of the host app is a 503 as well', async (t) => {
  const { fastify, handler, goOn } = await serverWith(t, { timeout: never, handlerTimeout: 20 })
  fastify.get('/', handler)
  isProblem(t, await fastify.inject('/'), 'temporarily_unavailable')
  goOn()
})

t.test('what has begun to answer is left alone', async (t) => {
  const { fastify, handler, goOn } = await serverWith(t, { timeout: 20, handlerTimeout: never })
  const body = new PassThrough()
  fastify.get('/', async (_request, reply) => reply.send(body))
  fastify.get('/later', handler)
  const url = await fastify.listen({ host: '127.0.0.1', port: 0 })
  body.write('first, ')
  const response = await fetch(url)
  // Its deadline began after the other one, which is over too by now.
  isProblem(t, await fastify.inject('/later'), 'temporarily_unavailable')
  body.end('last')
  t.equal(await response.text(), 'first, last')
  goOn()
})

t.test('routes that may wait have one in every host app', async (t) => {
  const { env, redis } = await makeStores(t)
  const host = Fastify()
  t.teardown(() => host.close())
  host.get('/of-the-host', async () => null)
  await host.register(latchkey, {
    ...env,
    ...(redisInMemory ? { redisClient: redis.duplicate() } : {})
  })
  await host.ready()
  const begun: Record<string, number> = {}
  for (const url of ['/of-the-host', '/auth/sessions', '/auth/verify']) {
    const timers = t.capture(globalThis, 'setTimeout', globalThis.setTimeout)
    await host.inject(url)
    begun[url] = timers().filter(({ args: [, delay] }) => delay === 15_000).length
    timers.restore()
  }
  t.same(begun, { '/of-the-host': 0, '/auth/sessions': 1, '/auth/verify': 0 })
})
