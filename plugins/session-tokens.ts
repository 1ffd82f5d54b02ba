import fp from 'fastify-plugin'
import type { IssuedTokens } from '../lib/session.ts'
import type { Rotation } from '../lua/index.ts'
import type { SessionRecord } from './session-records.ts'

declare module 'fastify' {
  interface FastifyInstance {
    issueTokens: IssueTokens
  }
}

/**
 * The refresh token of a session's head, the same bytes each time, and a new access token.
 * @param head times in ms by the clock of Redis
 */
export type IssueTokens = (
  session: Pick<SessionRecord, 'id' | 'client' | 'amr' | 'authenticated_at' | 'user'>,
  head: Pick<Rotation, 'gen' | 'rotated_at' | 'refresh_expires_at' | 'now'>
) => Omit<IssuedTokens, 'verdict'>

/** Decorates `fastify.issueTokens`. */
export default fp(
  async (fastify) => {
    const { accessTokens, refreshTokens } = fastify

    fastify.decorate('issueTokens', (session, { gen, rotated_at, refresh_expires_at, now }) => ({
      access_token: accessTokens.sign(session.user, session),
      expires_in: accessTokens.expires_in,
      refresh_token: refreshTokens.sign({
        sub: session.user.id,
        sid: session.id,
        gen,
        rotated_at,
        refresh_expires_at
      }),
      refresh_expires_in: Math.max(0, Math.floor((refresh_expires_at - now) / 1000)),
      session_id: session.id,
      user: session.user,
      client: session.client
    }))
  },
  { name: 'session-tokens', dependencies: ['access-tokens', 'refresh-tokens'] }
)
