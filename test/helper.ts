import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { Redis } from 'ioredis'
import { randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'
import pg from 'pg'
import type { Test } from 'tap'
import { createMemoryRedis } from '../embedded/redis-memory.ts'
import { latchkey, readConfiguration, serverOptions, type ConfigurationInput } from '../app.ts'

export const secretKey = 'a secret key that only the tests know of'
export const refreshCookie = '__Host-refresh_token'
export const deviceCookie = '__Host-device'
export const password = 'correct horse battery staple'

/** The stores of one test: a database and a key prefix of its own, both removed at its end. */
export interface Stores {
  env: ConfigurationInput
  pool: pg.Pool
  redis: Redis
  /** The whitelist entry of a session. */
  key(sid: string): string
  /** Makes a session's last rotation older, as if the clock of Redis had moved. */
  age(sid: string, ms: number): Promise<void>
}

const databaseUrl = (name: string) => {
  const url = new URL(required('DATABASE_URL'))
  url.pathname = `/${name}`
  return url.href
}

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the tests with npm test or npm run test:services`)
  return value
}

function makeRedis(): Redis {
  if (redisInMemory) return createMemoryRedis()
  const url = required('REDIS_URL')
  return url.startsWith('unix://') ? new Redis(url.slice('unix://'.length)) : new Redis(url)
}

/** Whether Redis is the one in the process (`EMBEDDED_REDIS=memory`), which other processes can't reach. */
export const redisInMemory = process.env['TEST_REDIS'] === 'memory'
const memoryUrl = 'redis://in-memory'

export async function makeStores(t: Test): Promise<Stores> {
  const name = `latchkey_test_${randomBytes(8).toString('hex')}`
  const prefix = `${name}:`
  const admin = new pg.Client({ connectionString: required('DATABASE_URL') })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  const pool = new pg.Pool({ connectionString: databaseUrl(name), max: 2 })
  // The database is dropped by force, perhaps while a connection is still saying goodbye.
  pool.on('error', () => undefined)
  const redis = makeRedis()
  // Last in, first out: what is built on the stores ends before them.
  t.teardown(async () => {
    await pool.end()
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
    const keys = await redis.keys(`${prefix}*`)
    if (keys.length > 0) await redis.del(...keys)
    redis.disconnect()
  })
  const key = (sid: string) => `${prefix}session:{${sid}}`
  return {
    env: {
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl(name),
      REDIS_URL: redisInMemory ? memoryUrl : required('REDIS_URL'),
      REDIS_PREFIX: prefix,
      SECRET_KEY: secretKey,
      LOG_LEVEL: 'silent'
    },
    pool,
    redis,
    key,
    async age(sid, ms) {
      await redis.hincrby(key(sid), 'rotated_at', -ms)
      await pool.query("UPDATE sessions SET rotated_at = rotated_at - $2 * interval '1 ms' WHERE id = $1", [
        sid,
        ms
      ])
    }
  }
}

/** A server under test, the stores it is on, and the scope in which its plugins are. */
export type App = FastifyInstance & { stores: Stores; scope: FastifyInstance }

/** The server as production runs it, on stores of the test. Give the same stores to have two nodes of one. */
export async function build(t: Test, env: ConfigurationInput = {}, stores?: Stores): Promise<App> {
  const app = await startNode(stores ?? (await makeStores(t)), env)
  t.teardown(() => app.close())
  return app
}

/**
 * The same, for who closes it themselves.
 * @param log gets what would be logged to the standard output
 */
export async function startNode(stores: Stores, env: ConfigurationInput = {}, log?: Writable): Promise<App> {
  const input = { ...stores.env, ...env }
  const options = serverOptions(readConfiguration(input))
  const fastify = Fastify({ ...options, logger: { ...options.logger, ...(log ? { stream: log } : {}) } })
  const scopes: FastifyInstance[] = []
  fastify.addHook('onRegister', (instance) => {
    scopes.push(instance)
  })
  try {
    await fastify.register(latchkey, {
      ...input,
      ...(input.REDIS_URL === memoryUrl ? { redisClient: stores.redis.duplicate() } : {})
    })
    await fastify.ready()
  } catch (error) {
    await fastify.close()
    throw error
  }
  const [scope] = scopes
  if (!scope) throw new Error('latchkey has registered no scope')
  return Object.assign<FastifyInstance, { stores: Stores; scope: FastifyInstance }>(fastify, {
    stores,
    scope
  })
}

let people = 0

/** An account with a browser session, fresh. */
export async function signUp(app: FastifyInstance, headers: Record<string, string> = {}) {
  people += 1
  const email = `person-${String(people)}@example.com`
  const response = await app.inject({
    method: 'POST',
    url: '/auth/signup',
    headers,
    payload: { email, password }
  })
  if (response.statusCode !== 201)
    throw new Error(`signup answered ${String(response.statusCode)}: ${response.body}`)
  return { email, ...tokensOf(response) }
}

export async function logIn(app: FastifyInstance, email: string, headers: Record<string, string> = {}) {
  const response = await app.inject({
    method: 'POST',
    url: '/auth/login',
    headers,
    payload: { email, password }
  })
  if (response.statusCode !== 200)
    throw new Error(`login answered ${String(response.statusCode)}: ${response.body}`)
  return tokensOf(response)
}

/** What a token answer gave, whichever way the refresh token came. */
export function tokensOf(response: LightMyRequestResponse) {
  const body = response.json<{
    access_token: string
    session_id: string
    refresh_token?: string
    user: { id: string }
  }>()
  const fromCookie = response.cookies.find(({ name }) => name === refreshCookie)?.value
  return {
    access_token: body.access_token,
    session_id: body.session_id,
    user_id: body.user.id,
    refresh_token: body.refresh_token ?? fromCookie ?? '',
    response
  }
}

/** A browser's refresh. */
export function refresh(app: FastifyInstance, refresh_token: string, headers: Record<string, string> = {}) {
  return app.inject({
    method: 'POST',
    url: '/auth/refresh',
    headers: { ...headers, cookie: `${refreshCookie}=${refresh_token}` }
  })
}

/** A native app's refresh. */
export function refreshNative(
  app: FastifyInstance,
  refresh_token: string,
  headers: Record<string, string> = {}
) {
  return app.inject({
    method: 'POST',
    url: '/auth/refresh',
    headers: { ...headers, authorization: `Bearer ${refresh_token}` }
  })
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** `code` of a problem document. */
export const codeOf = (response: LightMyRequestResponse) => response.json<{ code: string }>().code
