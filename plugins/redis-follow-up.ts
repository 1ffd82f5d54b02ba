import fp from 'fastify-plugin'
import { createWriteBehind } from '../lib/write-behind.ts'

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
  /**
   * A rotation may have been made whose answer nobody got: as soon as Redis takes it, the parent of the head
   * `gen` may be replayed until the next rotation.
   */
  rotationUnanswered(sid: string, gen: number): void
}

interface UnansweredHead {
  sid: string
  gen: number
  tries: number
}

/** How often, a second apart, Redis is asked for a head that it does not have (yet). */
const maxTries = 10

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
    const unanswered = createWriteBehind<UnansweredHead>({
      limit,
      async write(heads) {
        const marked = await Promise.all(heads.map(({ sid, gen }) => whitelist.markUnanswered(sid, gen)))
        for (const [index, { sid, gen, tries }] of heads.entries()) {
          // What a server that hung was sent, it may run after what it was asked later on another connection.
          if (!marked[index] && tries < maxTries) unanswered.note(sid, { sid, gen, tries: tries + 1 })
        }
      },
      supersedes: (entry, known) => entry.gen >= known.gen,
      onChange: onChange('unanswered rotations')
    })
    fastify.addHook('onClose', async () => {
      await Promise.all([ended.close(), unanswered.close()])
    })
    fastify.metrics.gauge(
      'latchkey_redis_follow_ups',
      'What Redis has not heard of yet',
      () => ended.size + unanswered.size
    )

    fastify.decorate('redisFollowUp', {
      async sessionsEnded(sids) {
        feed.remember(sids)
        for (const sid of sids) ended.note(sid, sid)
        // Nobody waits for a store that is known to be away.
        if (!ended.failing) await ended.flush()
      },
      rotationUnanswered(sid, gen) {
        unanswered.note(sid, { sid, gen, tries: 1 })
        void unanswered.flush()
      }
    })
  },
  { name: 'redis-follow-up', dependencies: ['session-whitelist', 'revocation-feed', 'metrics'] }
)
