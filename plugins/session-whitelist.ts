import fp from 'fastify-plugin'
import { ask } from '../lib/store-error.ts'
import {
  claimRenewal,
  createSession,
  markAnswered,
  rotateSession,
  type PresentedGeneration,
  type Rotation,
  type SessionEntry
} from '../lua/index.ts'
import type { Client } from '../schemas/common.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessionWhitelist: SessionWhitelist
  }
}

/** The head of a session, and how many answers with it have left. */
export interface AnsweredGeneration {
  sid: string
  gen: number
  answers: number
}

export interface SessionWhitelist {
  /** Writes generation 1. Times in ms by the clock of Redis. */
  create(
    sid: string,
    session: { client: Client; device_id_hash: string | null }
  ): Promise<Pick<SessionEntry, 'rotated_at' | 'refresh_expires_at' | 'expires_at'>>
  /** Decides what a presented generation is worth; see lua/rotate-session.lua. */
  rotate(sid: string, presented: PresentedGeneration, rebuild?: SessionEntry): Promise<Rotation>
  /** Takes so many answers off what unanswered heads allow: that their parents are replayed however late. */
  markAnswered(heads: readonly AnsweredGeneration[]): Promise<void>
  /**
   * Of all that would renew a session's access token, one does, and none again within the pause (ms).
   * @returns ms at which the session expires when idle, or 0 where the renewal is not ours
   */
  claimRenewal(sid: string, pause: number): Promise<number>
  /** The head of a session, 0 where there is no entry. */
  head(sid: string): Promise<number>
  remove(sids: readonly string[]): Promise<void>
}

/** Decorates `fastify.sessionWhitelist`: the Redis side of sessions, one key each, `session:{<sid>}`. */
export default fp(
  async (fastify) => {
    const { redisClient: client, configuration } = fastify
    const key = (sid: string) => `${configuration.REDIS_PREFIX}session:{${sid}}`
    const idle_ttl = configuration.REFRESH_IDLE_TTL * 1000
    const absolute_ttl = configuration.REFRESH_ABSOLUTE_TTL * 1000
    const rules = {
      overlap: configuration.REFRESH_OVERLAP * 1000,
      idle_ttl,
      rate: configuration.REFRESH_RATE,
      max_rotations: configuration.REFRESH_MAX_ROTATIONS
    }

    const deadline = configuration.STORE_TIMEOUT * 1000
    const asked = <Answer>(work: Promise<Answer>) => ask('redis', work, deadline)

    fastify.decorate('sessionWhitelist', {
      create: (sid, session) =>
        asked(createSession(client, key(sid), { ...session, idle_ttl, absolute_ttl })),
      rotate: (sid, presented, rebuild) => asked(rotateSession(client, key(sid), presented, rules, rebuild)),
      markAnswered: (heads) =>
        asked(
          markAnswered(
            client,
            heads.map(({ sid, gen, answers }) => ({ key: key(sid), gen, answers }))
          )
        ),
      claimRenewal: (sid, pause) => asked(claimRenewal(client, key(sid), pause)),
      head: async (sid) => Number((await asked(client.hget(key(sid), 'gen'))) ?? 0),
      async remove(sids) {
        // One key a command: the keys of a user lie in many slots of a Cluster.
        await asked(Promise.all(sids.map((sid) => client.del(key(sid)))))
      }
    })
  },
  { name: 'session-whitelist', dependencies: ['configuration', 'redis'] }
)
