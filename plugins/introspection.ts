import fp from 'fastify-plugin'
import type { RefreshTokenClaims } from '../schemas/tokens.ts'
import type { Introspection } from '../schemas/oauth.ts'
import type { SessionRecord } from './session-records.ts'

declare module 'fastify' {
  interface FastifyInstance {
    introspect: Introspect
  }
}

/**
 * What a token is worth now (RFC 7662 §2.2), by the record and, for a refresh token, the whitelist. Uses no
 * token up. Does NOT check who asks.
 * @returns nothing but `active: false` for whatever is not good, whatever the reason
 */
export type Introspect = (token: string) => Promise<Introspection>

/** Decorates `fastify.introspect`. */
export default fp(
  async (fastify) => {
    const { sessionRecords, sessionWhitelist } = fastify

    /** Nothing but the head counts: its parent may be replayed for a while, but that is a courtesy. */
    const isHead = async ({ sid, gen }: RefreshTokenClaims, record: SessionRecord) =>
      gen >= record.gen && gen >= (await sessionWhitelist.head(sid))

    fastify.decorate('introspect', async (token) => {
      const read = await fastify.readToken(token)
      if (!read) return { active: false }
      const record = await sessionRecords.find(read.claims.sid)
      if (record?.revoked_reason !== null || record.user_disabled) return { active: false }
      const { token_use, claims } = read
      if (fastify.revocationFeed.has(claims.jti)) return { active: false }
      if (token_use === 'refresh_token') {
        if (!(await isHead(claims, record))) return { active: false }
        const { iss, sub, iat, exp, jti, sid } = claims
        return { active: true, token_use, iss, sub, iat, exp, jti, sid }
      }
      // What the user may do is asked of the record too: a role that was taken away is gone here at once.
      const { role, email_verified } = record.user
      return { active: true, token_use, token_type: 'Bearer', ...claims, role, email_verified }
    })
  },
  {
    name: 'introspection',
    dependencies: ['read-token', 'session-records', 'session-whitelist', 'revocation-feed']
  }
)
