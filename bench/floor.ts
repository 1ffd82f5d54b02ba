// What no server of this kind can do without, and nothing else: no session list, no record, no reuse verdict, no
// limits, no log. The answers have the shape and the tokens the claims of Latchkey's. Measured beside it, as a
// process of its own; its stores are named by the same settings.
import argon2 from 'argon2'
import { createSigner, createVerifier } from 'fast-jwt'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { Result } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import PQueue from 'p-queue'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { batchedLookup } from '../lib/batched-lookup.ts'
import { toUser, userColumns, type UserRow } from '../lib/user.ts'
import { LoginBody, SignupBody } from '../schemas/auth.ts'
import { TokenAnswer, User, type AccessTokenClaims, type RefreshTokenClaims } from '../schemas/tokens.ts'
import { parameters } from './argon2.ts'
import { connectRedis } from './redis.ts'

declare module 'ioredis' {
  interface RedisCommander<Context> {
    create(key: string, user: string, ttl: number): Result<null, Context>
    exchange(key: string, gen: number, ttl: number): Result<[gen: number, user: string] | null, Context>
  }
}

const { DATABASE_URL = '', REDIS_URL = '', REDIS_PREFIX = '' } = process.env
const url = 'http://localhost:3000'
const accessTtl = 900
const idleTtl = 7 * 86_400

const pool = new pg.Pool({ connectionString: DATABASE_URL })
await pool.query(`CREATE TABLE users (
  id uuid PRIMARY KEY, email text UNIQUE, password_hash text, name text, role text DEFAULT 'user',
  email_verified boolean DEFAULT false, created_at timestamptz DEFAULT now())`)

const redis = connectRedis(REDIS_URL)
redis.defineCommand('create', {
  numberOfKeys: 1,
  lua: `redis.call('HSET', KEYS[1], 'gen', 1, 'user', ARGV[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[2])`
})
// Compare and set: the head is exchanged for the next one, its parent is answered with the head.
redis.defineCommand('exchange', {
  numberOfKeys: 1,
  lua: `local entry = redis.call('HMGET', KEYS[1], 'gen', 'user')
        local head = tonumber(entry[1])
        local gen = tonumber(ARGV[1])
        if gen == head then
          head = redis.call('HINCRBY', KEYS[1], 'gen', 1)
          redis.call('PEXPIRE', KEYS[1], ARGV[2])
        elseif not head or gen ~= head - 1 then
          return false
        end
        return { head, entry[2] }`
})
const key = (sid: string) => `${REDIS_PREFIX}session:{${sid}}`

const secret = randomBytes(32)
const { privateKey, publicKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' }
})
// As long as a thumbprint (RFC 7638), by which Latchkey names its keys.
const kid = createHash('sha256').update(publicKey).digest('base64url')
const signAccess = createSigner({
  key: privateKey,
  algorithm: 'ES256',
  header: { alg: 'ES256', typ: 'at+jwt', kid }
})
const signRefresh = createSigner({
  key: secret,
  algorithm: 'HS256',
  header: { alg: 'HS256', typ: 'rt+jwt', kid }
})
const verifyRefresh = createVerifier({ key: secret, algorithms: ['HS256'], cache: false })
const verifyAccess = createVerifier({ key: publicKey, algorithms: ['ES256'], cache: false })

const remembered = new LRUCache<string, AccessTokenClaims>({ max: 10_000 })
function claimsOf({ headers: { authorization = '' } }: FastifyRequest): AccessTokenClaims {
  const token = authorization.slice('Bearer '.length)
  let claims = remembered.get(token)
  if (!claims || claims.exp <= Date.now() / 1000) {
    claims = verifyAccess(token) as AccessTokenClaims
    remembered.set(token, claims)
  }
  return claims
}

function sendTokens(reply: FastifyReply, sid: string, gen: number, user: User): TokenAnswer {
  const iat = Math.floor(Date.now() / 1000)
  const session = { iss: url, sub: user.id, sid, iat }
  const refresh_token = signRefresh({
    ...session,
    gen,
    jti: `${sid}.${String(gen)}`,
    exp: iat + idleTtl
  } satisfies RefreshTokenClaims)
  const access_token = signAccess({
    ...session,
    aud: url,
    exp: iat + accessTtl,
    jti: randomUUID(),
    client_id: 'browser',
    role: user.role,
    email_verified: user.email_verified,
    auth_time: iat,
    amr: ['pwd']
  } satisfies AccessTokenClaims)
  const cookie = `__Host-refresh_token=${refresh_token}; Max-Age=${String(idleTtl)}; Path=/; HttpOnly; Secure; SameSite=Strict`
  void reply.header('set-cookie', cookie).header('cache-control', 'no-store')
  return { access_token, token_type: 'Bearer', expires_in: accessTtl, session_id: sid, user }
}

async function startSession(reply: FastifyReply, user: User): Promise<TokenAnswer> {
  const sid = uuidv7()
  await redis.create(key(sid), JSON.stringify(user), idleTtl * 1000)
  return sendTokens(reply, sid, 1, user)
}

const hashing = new PQueue({ concurrency: availableParallelism() })
const user = batchedLookup<User>(async (ids) => {
  const { rows } = await pool.query<UserRow>({
    name: 'users by id',
    text: `SELECT ${userColumns} FROM users WHERE id = ANY($1)`,
    values: [ids]
  })
  return new Map(rows.map((row) => [row.id, toUser(row)]))
})

const refused = () => Object.assign(new Error('refused'), { statusCode: 401 })

const fastify = Fastify()

fastify.post<{ Body: SignupBody }>(
  '/auth/signup',
  { schema: { body: SignupBody(15), response: { 201: TokenAnswer } } },
  async (request, reply) => {
    const { email, password } = request.body
    const password_hash = await hashing.add(() => argon2.hash(password, parameters))
    const { rows } = await pool.query<UserRow>({
      name: 'insert user',
      text: `INSERT INTO users (id, email, password_hash) VALUES ($1, $2, $3) RETURNING ${userColumns}`,
      values: [uuidv7(), email, password_hash]
    })
    const [row] = rows
    if (!row) throw new Error('nothing was inserted')
    return startSession(reply.code(201), toUser(row))
  }
)

fastify.post<{ Body: LoginBody }>(
  '/auth/login',
  { schema: { body: LoginBody, response: { 200: TokenAnswer } } },
  async (request, reply) => {
    const { email, password } = request.body
    const { rows } = await pool.query<UserRow & { password_hash: string }>({
      name: 'user by email',
      text: `SELECT ${userColumns}, password_hash FROM users WHERE email = $1`,
      values: [email]
    })
    const [row] = rows
    if (!row || !(await hashing.add(() => argon2.verify(row.password_hash, password)))) throw refused()
    return startSession(reply, toUser(row))
  }
)

fastify.post('/auth/refresh', { schema: { response: { 200: TokenAnswer } } }, async (request, reply) => {
  const [, token = ''] = /__Host-refresh_token=([^;]+)/.exec(request.headers.cookie ?? '') ?? []
  const { sid, gen } = verifyRefresh(token) as RefreshTokenClaims
  const entry = await redis.exchange(key(sid), gen, idleTtl * 1000)
  if (!entry) throw refused()
  const [head, user] = entry
  return sendTokens(reply, sid, head, JSON.parse(user) as User)
})

fastify.get('/auth/me', { schema: { response: { 200: User } } }, async (request, reply) => {
  const found = await user(claimsOf(request).sub)
  return reply.header('cache-control', 'no-store').send(found)
})

fastify.get('/auth/verify', async (request, reply) => {
  const { sub, sid, role } = claimsOf(request)
  return reply
    .code(204)
    .headers({ 'x-auth-user': sub, 'x-auth-session': sid, 'x-auth-role': role, 'cache-control': 'no-store' })
    .send()
})

await fastify.listen({ host: '127.0.0.1', port: 0 })
process.once('SIGTERM', () => {
  void fastify.close().then(() => Promise.all([redis.quit(), pool.end()]))
})
const { port } = fastify.server.address() as AddressInfo
process.stdout.write(`The floor is ready:  http://127.0.0.1:${String(port)}\n`)
