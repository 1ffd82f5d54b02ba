import fp from 'fastify-plugin'
import { sessionRevoked, wrongPassword } from '../lib/access-token-refusal.ts'
import type { RequestOrigin } from '../lib/session.ts'
import type { AccessTokenClaims, TokenAnswer } from '../schemas/tokens.ts'
import type { Account } from './users.ts'

declare module 'fastify' {
  interface FastifyInstance {
    reauthentication: Reauthentication
  }
}

/** Of a user who is logged in, and proves again who they are. */
export interface Reauthentication {
  /**
   * Checks the user's password.
   * @throws Problem invalid_credentials, too_many_attempts, session_revoked
   */
  check(claims: AccessTokenClaims, password: string, from: RequestOrigin): Promise<Account>
  /**
   * Checks it.
   * @returns an access token that says so in `auth_time`. It alone: the session and its next tokens do not, so that
   * whoever else holds the session gets nothing from what its owner proves
   */
  perform(claims: AccessTokenClaims, password: string, from: RequestOrigin): Promise<TokenAnswer>
}

/** Decorates `fastify.reauthentication`: RFC 9470; OWASP ASVS 5.0 V7.5. */
export default fp(
  async (fastify) => {
    const { users, passwords, throttles, accessTokens, sessionRecords, securityEvents } = fastify

    const check: Reauthentication['check'] = async ({ sub, sid }, password, from) => {
      const account = await users.findAccount(sub)
      if (!account) throw sessionRevoked()
      const proved = await throttles.reauthentication(sub, sid, from, () =>
        passwords.verify(account.password_hash ?? undefined, password)
      )
      if (!proved) {
        securityEvents.record({ ...from, type: 'reauthentication_failed', user_id: sub, sid })
        throw wrongPassword()
      }
      return account
    }

    fastify.decorate('reauthentication', {
      check,
      async perform(claims, password, from) {
        await check(claims, password, from)
        const { sub, sid } = claims
        const record = await sessionRecords.find(sid)
        if (record?.revoked_reason !== null) throw sessionRevoked()
        securityEvents.record({ ...from, type: 'reauthenticated', user_id: sub, sid })
        return {
          access_token: accessTokens.sign(record.user, {
            ...record,
            amr: ['pwd'],
            authenticated_at: Date.now()
          }),
          token_type: 'Bearer',
          expires_in: accessTokens.expires_in,
          session_id: sid,
          user: record.user
        }
      }
    })
  },
  {
    name: 'reauthentication',
    dependencies: ['users', 'passwords', 'throttles', 'access-tokens', 'session-records', 'security-events']
  }
)
