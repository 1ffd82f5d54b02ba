// Sessions as a browser with the SDK has them after its first refresh: a device cookie, and the Idempotency-Key of
// the attempt. The plugins and the scripts themselves write the entries in Redis, so that they are the real ones.
import Fastify, { type FastifyInstance } from 'fastify'
import { createHash } from 'node:crypto'
import PQueue from 'p-queue'
import { v7 as uuidv7 } from 'uuid'
import { latchkey, type ConfigurationInput } from '../app.ts'
import { digest } from '../lib/digest.ts'

export interface SyntheticSession {
  sid: string
  user_id: string
  /** What its device cookie holds. */
  device_id: string
}

/** A node beside the server under test, never asked anything: its plugins write what a sign-in would have written. */
export interface Node {
  /** The scope that the plugins are in. */
  scope: FastifyInstance
  close: () => Promise<void>
}

/** The generation that every session is filled in with. */
export const firstGeneration = 2

const batch = 1000
const ip = '203.0.113.7'
const network = '203.0.113.0'
const userAgent =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36'
/** As long as those that Latchkey makes. No password has it. */
const passwordHash = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`
const firstSignup = Date.UTC(2026, 0, 1)
const day = 86_400_000

/** @param settings the stores and the key of the server under test */
export async function openNode(settings: ConfigurationInput): Promise<Node> {
  const fastify = Fastify()
  const scopes: FastifyInstance[] = []
  fastify.addHook('onRegister', (instance) => {
    scopes.push(instance)
  })
  // A batch is thousands of times the work of a request.
  await fastify.register(latchkey, { ...settings, STORE_TIMEOUT: '60s' })
  await fastify.ready()
  const [scope] = scopes
  if (!scope) throw new Error('latchkey has registered no scope')
  return { scope, close: () => fastify.close() }
}

/** One and the same for one and the same index. Its ids are UUIDv7 that follow each other, a millisecond apart. */
export function sessionAt(index: number): SyntheticSession {
  const random = createHash('sha256').update(String(index)).digest()
  const msecs = firstSignup + index
  return {
    sid: uuidv7({ msecs, random: random.subarray(0, 16) }),
    user_id: uuidv7({ msecs, random: random.subarray(16) }),
    device_id: random.toString('base64url', 0, 16)
  }
}

/** Of the attempt to exchange a generation: sent again where its answer was lost, as the SDK does. */
export const idempotencyKeyOf = ({ sid }: SyntheticSession, gen: number) => `${sid}.${String(gen)}`

/** The refresh token of a generation. Does NOT know whether the session has come to it. */
export function refreshTokenOf(
  { refreshTokens }: FastifyInstance,
  { sid, user_id }: SyntheticSession,
  gen: number
): string {
  const now = Date.now()
  return refreshTokens.sign({ sub: user_id, sid, gen, rotated_at: now, refresh_expires_at: now + 7 * day })
}

/** Fills in the sessions `from` to `to`, the last not included, each with a user of its own. */
export async function fillIn(scope: FastifyInstance, from: number, to: number): Promise<void> {
  const starts = Array.from({ length: Math.ceil((to - from) / batch) }, (_, index) => from + index * batch)
  const two = new PQueue({ concurrency: 2 })
  await two.addAll(
    starts.map((start) => async () => {
      const indexes = Array.from({ length: Math.min(batch, to - start) }, (_, offset) => start + offset)
      const sessions = indexes.map(sessionAt)
      const entries = await Promise.all(sessions.map((session) => writeEntry(scope, session)))
      await writeRecords(scope, indexes, sessions, entries)
    })
  )
}

type Entry = Awaited<ReturnType<typeof writeEntry>>

/** Signed in, refreshed once, and answered. @throws where that is not what the scripts say */
export async function writeEntry(
  { sessionWhitelist: whitelist }: FastifyInstance,
  session: SyntheticSession
) {
  const device_id_hash = digest(session.device_id)
  const idempotency_key_hash = digest(idempotencyKeyOf(session, 1))
  const { expires_at } = await whitelist.create(session.sid, { client: 'browser', device_id_hash })
  const presented = { gen: 1, client: 'browser', device_id_hash, idempotency_key_hash, network }
  const { verdict, gen, rotated_at, refresh_expires_at } = await whitelist.rotate(session.sid, presented)
  if (verdict !== 'rotated' || gen !== firstGeneration) throw new Error(`the first refresh was ${verdict}`)
  await whitelist.markAnswered([{ sid: session.sid, gen, answers: 1 }])
  return { device_id_hash, idempotency_key_hash, rotated_at, refresh_expires_at, expires_at }
}

/** As plugins/users.ts and plugins/session-records.ts would, and then the journal. */
async function writeRecords(
  scope: FastifyInstance,
  indexes: readonly number[],
  sessions: readonly SyntheticSession[],
  entries: readonly Entry[]
): Promise<void> {
  const time = (name: 'rotated_at' | 'refresh_expires_at' | 'expires_at') =>
    entries.map((entry) => new Date(entry[name]))
  await scope.pg.transact(async (transaction) => {
    await transaction.query(
      `INSERT INTO users (id, email, password_hash)
       SELECT id, email, $3 FROM unnest($1::uuid[], $2::text[]) AS u (id, email)`,
      [
        sessions.map(({ user_id }) => user_id),
        indexes.map((index) => `person-${String(index)}@example.com`),
        passwordHash
      ]
    )
    await transaction.query(
      `INSERT INTO sessions (id, user_id, client, device_id_hash, device_type, user_agent, ip, amr,
                             authenticated_at, created_at, last_used_at, expires_at, gen, rotated_at,
                             refresh_expires_at, idempotency_key_hash)
       SELECT id, user_id, 'browser', device_id_hash, 'desktop', $1, $2, '{pwd}',
              rotated_at, rotated_at, rotated_at, expires_at, $3, rotated_at,
              refresh_expires_at, idempotency_key_hash
         FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[],
                     $10::timestamptz[])
              AS s (id, user_id, device_id_hash, idempotency_key_hash, rotated_at, refresh_expires_at, expires_at)`,
      [
        userAgent,
        ip,
        firstGeneration,
        sessions.map(({ sid }) => sid),
        sessions.map(({ user_id }) => user_id),
        entries.map(({ device_id_hash }) => device_id_hash),
        entries.map(({ idempotency_key_hash }) => idempotency_key_hash),
        time('rotated_at'),
        time('refresh_expires_at'),
        time('expires_at')
      ]
    )
  })
}
