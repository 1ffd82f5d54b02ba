// Latchkey as one plugin among others: everything that the host app has stays the host's, and the reverse.
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import jwt, { type JWT } from '@fastify/jwt'
import postgres from '@fastify/postgres'
import redis from '@fastify/redis'
import swagger from '@fastify/swagger'
import { Counter, Registry } from 'prom-client'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { latchkey, type LatchkeyOptions } from '../app.ts'
import {
  bearer,
  codeOf,
  deviceCookie,
  makeStores,
  password,
  redisInMemory,
  refreshCookie,
  tokensOf,
  type Stores
} from './helper.ts'
import { until } from './stores/until.ts'

const usersOfTheHost = ['the list of the host']

const optionsFor = ({ env, redis }: Stores): LatchkeyOptions => ({
  ...env,
  prefix: '/accounts',
  ...(redisInMemory ? { redisClient: redis.duplicate() } : {})
})

/** A host app that has everything that Latchkey has, its own way. */
async function buildHost(t: Test, stores: Stores): Promise<FastifyInstance> {
  const host = Fastify()
  t.teardown(() => host.close())

  await host.register(postgres, { connectionString: String(stores.env.DATABASE_URL) })
  host.pg.pool.on('error', () => undefined)
  await host.register(redis, { client: stores.redis.duplicate(), closeClient: true })
  await host.register(jwt, { secret: 'the secret of the host' })
  await host.register(cookie, {
    secret: 'the secret of the host',
    parseOptions: {
      domain: 'example.com',
      signed: true,
      encode: (value: string) => value.toUpperCase()
    }
  })
  await host.register(formbody)
  await host.register(helmet, { xFrameOptions: { action: 'sameorigin' } })
  await host.register(cors, { origin: ['https://host.example'] })
  await host.register(swagger)
  host.setErrorHandler<FastifyError>(async (error, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ from: 'the host', message: error.message })
  )
  host.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ from: 'the host' }))
  host.setValidatorCompiler(() => (body: unknown) => ({ value: { validatedByTheHost: body } }))
  host.setSerializerCompiler(() => (value: unknown) => JSON.stringify({ serializedByTheHost: value }))
  host.addContentTypeParser('text/csv', { parseAs: 'string' }, async (_request: unknown, body: string) =>
    body.split(',')
  )
  // As a plugin that knows nothing of Latchkey would: the types of its inside are seen in here only.
  host.decorate('users' as string, usersOfTheHost)

  await host.register(latchkey, optionsFor(stores))

  host.get('/protected', { onRequest: host.authenticate }, async (request) => request.auth.sub)
  host.get('/sensitive', { onRequest: host.authenticateStrictly }, async (request) => request.auth.sid)
  host.post('/validated', { schema: { body: {} } }, async (request) => request.body)
  host.post('/csv', async (request) => request.body)
  host.get('/serialized', { schema: { response: { 200: { type: 'object' } } } }, async () => ({ plain: 1 }))
  host.get('/cookie', async (_request, reply) => reply.setCookie('host', 'value').send('set'))
  await host.ready()
  return host
}

async function signUp(host: FastifyInstance, email: string) {
  const response = await host.inject({
    method: 'POST',
    url: '/accounts/auth/signup',
    payload: { email, password }
  })
  if (response.statusCode !== 201) throw new Error(response.body)
  return tokensOf(response)
}

t.test('inside a host app that has all of its plugins', async (t) => {
  const stores = await makeStores(t)
  const host = await buildHost(t, stores)

  t.test('the main job works under the prefix', async (t) => {
    const { refresh_token, response } = await signUp(host, 'ada@example.com')
    const cookies = [response.headers['set-cookie'] ?? []].flat()
    t.same(
      cookies.map((cookie) => cookie.replace(/=[^;]*; Max-Age=\d+/, '')),
      [refreshCookie, deviceCookie].map((name) => `${name}; Path=/; HttpOnly; Secure; SameSite=Strict`),
      'without what the host has set for its cookies'
    )

    const refreshed = await host.inject({
      method: 'POST',
      url: '/accounts/auth/refresh',
      headers: { cookie: `${refreshCookie}=${refresh_token}` }
    })
    const { access_token } = tokensOf(refreshed)
    const me = await host.inject({ url: '/accounts/auth/me', headers: bearer(access_token) })
    t.match(me.json(), { email: 'ada@example.com' })

    const form = await host.inject({
      method: 'POST',
      url: '/accounts/auth/login',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ email: 'ada@example.com', password }).toString()
    })
    t.equal(form.statusCode, 200)
    t.match((await host.inject('/accounts/.well-known/jwks.json')).json(), { keys: [{ alg: 'ES256' }] })
    t.match((await host.inject('/accounts/health/ready')).json(), { postgres: 'up', redis: 'up' })
    t.match(Object.keys((await host.inject('/accounts/docs/json')).json<{ paths: object }>().paths), [
      '/accounts/auth/signup'
    ])
  })

  t.test('the routes of the host are protected by it', async (t) => {
    const { access_token, user_id, session_id } = await signUp(host, 'grace@example.com')
    const headers = bearer(access_token)
    t.equal((await host.inject({ url: '/protected', headers })).body, user_id)
    t.equal((await host.inject({ url: '/sensitive', headers })).body, session_id)

    await host.inject({ method: 'POST', url: '/accounts/auth/logout', headers })
    for (const url of ['/protected', '/sensitive']) {
      const refused = await host.inject({ url, headers })
      t.equal(refused.statusCode, 401)
      t.equal(refused.json<{ from: string }>().from, 'the host', 'in the words of the host')
    }
  })

  t.test('the host keeps what it has', async (t) => {
    t.equal(host.getDecorator('users'), usersOfTheHost)
    const jwtOfTheHost = host.getDecorator<JWT>('jwt')
    t.match(jwtOfTheHost.verify(jwtOfTheHost.sign({ a: 1 })), { a: 1 })
    t.same((await host.pg.query('SELECT 1 AS one')).rows, [{ one: 1 }])
    t.equal(await host.redis.ping(), 'PONG')
    for (const name of ['configuration', 'sessions', 'signingKeys', 'redisClient'])
      t.notOk(host.hasDecorator(name), `no ${name}`)

    const payload = { email: 1 }
    t.same((await host.inject({ method: 'POST', url: '/validated', payload })).json(), {
      validatedByTheHost: payload
    })
    t.same((await host.inject('/serialized')).json(), { serializedByTheHost: { plain: 1 } })
    const csv = { method: 'POST', headers: { 'content-type': 'text/csv' }, payload: 'a,b' } as const
    t.same((await host.inject({ ...csv, url: '/csv' })).json(), ['a', 'b'])
    t.equal((await host.inject({ ...csv, url: '/accounts/auth/login' })).statusCode, 415)
    t.match((await host.inject('/cookie')).headers['set-cookie'], /^host=VALUE/)
    t.equal((await host.inject('/cookie')).headers['x-frame-options'], 'SAMEORIGIN')
  })

  t.test('each answers errors in its own format', async (t) => {
    const cases = {
      '/accounts/nowhere': 'not_found',
      '/accounts/auth/me': 'access_token_missing'
    }
    for (const [url, code] of Object.entries(cases)) {
      const refused = await host.inject(url)
      t.match(refused.headers['content-type'], /^application\/problem\+json/)
      t.equal(codeOf(refused), code)
    }
    const url = '/accounts/auth/signup'
    t.equal(codeOf(await host.inject({ method: 'POST', url, payload: { email: 1 } })), 'invalid_request')
    t.same((await host.inject('/nowhere')).json(), { from: 'the host' })
    t.match((await host.inject('/protected')).json(), { from: 'the host' })
  })
})

t.test('closing the host closes everything', async (t) => {
  const stores = await makeStores(t)
  const connections = async () => {
    const { rows } = await stores.pool.query<{ application_name: string }>(
      "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'latchkey%'"
    )
    return rows.length
  }
  await connections()
  const resources = () => process.getActiveResourcesInfo().sort()
  const before = resources()

  const host = await buildHost(t, stores)
  await signUp(host, 'ada@example.com')
  t.not(await connections(), 0)
  await host.close()
  await until('Postgres to see no connection of it', async () => (await connections()) === 0)
  await until('every socket and timer to be gone', async () => isDeepStrictEqual(resources(), before))
})

t.test('a second one in the same scope is refused, in a scope of its own it is another', async (t) => {
  const [one, other] = [await makeStores(t), await makeStores(t)]
  const host = Fastify()
  t.teardown(() => host.close())
  await host.register(async (scope) => scope.register(latchkey, { ...optionsFor(one), prefix: '/one' }))
  await host.register(async (scope) => scope.register(latchkey, { ...optionsFor(other), prefix: '/other' }))
  for (const url of ['/one/auth/signup', '/other/auth/signup'])
    t.equal(
      (await host.inject({ method: 'POST', url, payload: { email: 'ada@example.com', password } }))
        .statusCode,
      201
    )

  const twice = Fastify()
  t.teardown(() => twice.close())
  await twice.register(latchkey, optionsFor(one))
  await t.rejects(async () => twice.register(latchkey, { ...optionsFor(other), prefix: '/other' }), {
    message: /in a scope of its own/
  })
})

t.test('metrics go to the registry of the host, where it has one', async (t) => {
  const metricsRegistry = new Registry()
  new Counter({ name: 'visits_total', help: 'of the host', registers: [metricsRegistry] }).inc(3)
  const host = Fastify()
  t.teardown(() => host.close())
  await host.register(latchkey, { ...optionsFor(await makeStores(t)), metricsRegistry })
  const { body } = await host.inject('/accounts/metrics')
  t.match(body, /^visits_total 3$/m)
  t.match(body, /^latchkey_journal_sessions 0$/m)
  t.notMatch(body, /process_resident_memory/, 'what else is in it is the business of the host')
  t.match(await metricsRegistry.metrics(), /latchkey_journal_sessions/)
})
