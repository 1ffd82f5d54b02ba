import fp from 'fastify-plugin'
import { createWriteBehind } from '../lib/write-behind.ts'
import type { AnsweredGeneration } from './session-whitelist.ts'

declare module 'fastify' {
  interface FastifyInstance {
    redisFollowUp: RedisFollowUp
  }
}

export interface RedisFollowUp {
  /**
   * What must follow once Postgres has sessions as ended: this node refuses their access tokens at once,
   * Redis forgets them and the other nodes hear of it, as soon as Redis takes it.
   */
  sessionsEnded(sids: readonly string[]): Promise<void>
  /** An answer that carries the head `gen` leaves us now; after the last its parent is replayed in the overlap only. */
  answered(sid: string, gen: number): void
  /** Tells Redis what was noted. Never throws: what Redis does not take is kept for the next time. */
  flush(): Promise<void>
}

/** Of each kind, kept while Redis is away. Every refresh asks Postgres, so a revocation beyond it is no danger. */
const limit = 100_000

/** Decorates `fastify.redisFollowUp`: what Redis has to hear of, tried at once and then until it has. */
export default fp(
  async (fastify) => {
    const { sessionWhitelist: whitelist, revocationFeed: feed } = fastify
    const onChange = (subject: string) => (state: { failing: boolean; error?: unknown }) => {
      const { error, ...rest } = state
      fastify.log.warn({ err: error, ...rest }, `${subject} to Redis`)
    }

    const ended = createWriteBehind<string>({
      limit,
      write: async (sids) => {
        await Promise.all([whitelist.remove(sids), feed.publish(sids)])
      },
      onChange: onChange('revocations')
    })
    const answered = createWriteBehind<AnsweredGeneration>({
      limit,
      write: (heads) => whitelist.markAnswered(heads),
      merge: (entry, known) => {
        if (entry.gen === known.gen) return { ...entry, answers: entry.answers + known.answers }
        return entry.gen > known.gen ? entry : known
      },
      onChange: onChange('answered rotations')
    })
    fastify.addHook('onClose', async () => {
      await Promise.all([ended.close(), answered.close()])
    })
    fastify.metrics.gauge(
      'latchkey_redis_follow_ups',
      'What Redis has not heard of yet',
      () => ended.size + answered.size
    )

    fastify.decorate('redisFollowUp', {
      async sessionsEnded(sids) {
        feed.remember(sids)
        for (const sid of sids) ended.note(sid, sid)
        // Nobody waits for a store that is known to be away.
        if (!ended.failing) await ended.flush()
      },
      answered(sid, gen) {
        answered.note(sid, { sid, gen, answers: 1 })
        void answered.flush()
      },
      async flush() {
        await Promise.all([ended.flush(), answered.flush()])
      }
    })
  },
  { name: 'redis-follow-up', dependencies: ['session-whitelist', 'revocation-feed', 'metrics'] }
)
