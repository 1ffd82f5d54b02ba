import fp from 'fastify-plugin'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { digest } from '../lib/digest.ts'
import { subscriberOf } from '../lib/network.ts'
import { Problem } from '../lib/problem.ts'
import type { RequestOrigin } from '../lib/session.ts'
import { ask, StoreUnavailable } from '../lib/store-error.ts'
import { normalizeEmail } from '../lib/user.ts'

declare module 'fastify' {
  interface FastifyInstance {
    throttles: Throttles
  }
}

/**
 * How often a secret may be guessed (OWASP ASVS 5.0 V6.3.1). A guess counts before it is known whether it is right, so
 * that a thousand at once count as a thousand. It is given back where it was right, or could not be looked at.
 * @throws Problem too_many_attempts; StoreUnavailable where Redis can not say: then nobody guesses
 */
export interface Throttles {
  /**
   * A password for an email address, whether or not there is an account. A device that the account was signed in on
   * has an allowance of its own, so that no stranger can keep the owner out.
   * @param known_device the hash of that device
   * @param prove looks whether it is right; not called where too many were wrong
   */
  login(email: string, from: RequestOrigin, known_device: string | null, prove: Prove): Promise<boolean>
  /** The password of a user who is logged in. */
  reauthentication(user_id: string, sid: string, from: RequestOrigin, prove: Prove): Promise<boolean>
  /** Signing up, which tells whether an address has an account: only where it has does it count. */
  signup<Made>(from: RequestOrigin, make: () => Promise<Made>): Promise<Made>
  /** Mails to somebody, whoever asks for them and whether or not they have an account. */
  mail(from: RequestOrigin, recipient: string): Promise<void>
}

type Prove = () => Promise<boolean>

interface Counted {
  limiter: RateLimiterRedis
  key: string
}

/** Decorates `fastify.throttles`, counted in Redis by rate-limiter-flexible. Keys are hashes: no address stands there. */
export default fp(
  async (fastify) => {
    const { configuration, redisClient, securityEvents } = fastify
    const { LOGIN_ATTEMPTS, LOGIN_ATTEMPTS_PER_ADDRESS, LOGIN_ATTEMPTS_PER_ACCOUNT, MAILS_PER_RECIPIENT } =
      configuration

    const allowance = (name: string, points: number) =>
      new RateLimiterRedis({
        storeClient: redisClient,
        keyPrefix: `${configuration.REDIS_PREFIX}attempts:${name}`,
        points,
        duration: configuration.LOGIN_WINDOW
      })
    const device = allowance('device', LOGIN_ATTEMPTS)
    const pair = allowance('pair', LOGIN_ATTEMPTS)
    const session = allowance('session', LOGIN_ATTEMPTS)
    const address = allowance('address', LOGIN_ATTEMPTS_PER_ADDRESS)
    const account = allowance('account', LOGIN_ATTEMPTS_PER_ACCOUNT)
    const recipient = allowance('recipient', MAILS_PER_RECIPIENT)
    const sender = allowance('sender', LOGIN_ATTEMPTS_PER_ADDRESS)

    const counted = (limiter: RateLimiterRedis, key: string): Counted => ({ limiter, key: digest(key) })

    const asked = <Answer>(work: Promise<Answer>) => ask('redis', work, configuration.STORE_TIMEOUT * 1000)

    /** @returns undefined where it is within the allowance */
    const consume = async ({ limiter, key }: Counted): Promise<RateLimiterRes | undefined> => {
      try {
        await limiter.consume(key)
        return undefined
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return refused
        throw refused
      }
    }

    /** Does not wait for Redis: what comes next on this connection comes after it. */
    const giveBack = (work: Promise<unknown>[]) => {
      Promise.all(work).catch((error: unknown) => {
        fastify.log.warn({ err: error }, 'a guess could not be given back')
      })
    }
    const reward = (all: readonly Counted[]) => {
      giveBack(all.map(({ limiter, key }) => limiter.reward(key)))
    }

    /** @throws Problem where one of them is used up */
    const refuse = (
      counted: readonly Counted[],
      results: readonly (RateLimiterRes | undefined)[],
      from: RequestOrigin & { user_id?: string }
    ) => {
      const refusals = results.filter((result) => result !== undefined)
      if (refusals.length === 0) return
      // Once for each count that begins, or the log would tell of nothing else.
      if (
        results.some((result, index) => result?.consumedPoints === (counted[index]?.limiter.points ?? 0) + 1)
      )
        securityEvents.record({ ...from, type: 'too_many_attempts' })
      throw new Problem(
        'too_many_attempts',
        'There were too many in a short time. Wait, or use a device that you have logged in on before.',
        { retryAfter: Math.ceil(Math.max(...refusals.map(({ msBeforeNext }) => msBeforeNext)) / 1000) }
      )
    }

    /**
     * @param stages each counts only what those before it let through: who has used one of them up takes nothing from
     * anyone else
     * @throws Problem where one is used up; StoreUnavailable, and then what is known to be counted is given back
     */
    const take = async (
      stages: readonly (readonly Counted[])[],
      from: RequestOrigin & { user_id?: string }
    ) => {
      const counting: { counted: Counted; result: Promise<RateLimiterRes | undefined> }[] = []
      try {
        for (const stage of stages) {
          const begun = stage.map((counted) => ({ counted, result: consume(counted) }))
          counting.push(...begun)
          refuse(stage, await asked(Promise.all(begun.map(({ result }) => result))), from)
        }
      } catch (error) {
        // Of the nodes of a Cluster one may have counted while another one is away. What did not answer is left as it
        // is: it may have counted, or not.
        if (error instanceof StoreUnavailable)
          giveBack(
            counting.map(({ counted: { limiter, key }, result }) =>
              result.then(
                () => limiter.reward(key),
                () => undefined
              )
            )
          )
        throw error
      }
    }

    const guess = async (
      narrow: Counted,
      wide: readonly Counted[],
      from: RequestOrigin & { user_id?: string },
      prove: Prove
    ) => {
      await take([[narrow], wide], from)
      try {
        const right = await prove()
        if (right) {
          giveBack([narrow.limiter.delete(narrow.key)])
          reward(wide)
        }
        return right
      } catch (error) {
        reward([narrow, ...wide])
        throw error
      }
    }

    fastify.decorate('throttles', {
      async login(email, from, known_device, prove) {
        const owner = normalizeEmail(email)
        if (known_device !== null) return guess(counted(device, `${known_device} ${owner}`), [], from, prove)
        const subscriber = subscriberOf(from.ip)
        const wide = [counted(address, subscriber), counted(account, owner)]
        return guess(counted(pair, `${subscriber} ${owner}`), wide, from, prove)
      },

      reauthentication: (user_id, sid, from, prove) =>
        guess(counted(session, sid), [], { ...from, user_id }, prove),

      async mail(from, email) {
        await take(
          [[counted(sender, subscriberOf(from.ip))], [counted(recipient, normalizeEmail(email))]],
          from
        )
      },

      async signup(from, make) {
        const asking = counted(address, subscriberOf(from.ip))
        await take([[asking]], from)
        try {
          const made = await make()
          reward([asking])
          return made
        } catch (error) {
          if (!(error instanceof Problem && error.code === 'email_taken')) reward([asking])
          throw error
        }
      }
    })
  },
  { name: 'throttles', dependencies: ['configuration', 'redis', 'security-events'] }
)
