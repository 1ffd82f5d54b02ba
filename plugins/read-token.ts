import fp from 'fastify-plugin'
import { StoreUnavailable } from '../lib/store-error.ts'
import type { AccessTokenClaims, RefreshTokenClaims } from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readToken: ReadToken
  }
}

/** The names are those of the registry of RFC 7009 §4.1.2. */
export type VerifiedToken =
  | { token_use: 'access_token'; claims: AccessTokenClaims }
  | { token_use: 'refresh_token'; claims: RefreshTokenClaims }

/**
 * A token of either kind, verified. Does NOT check whether its session still is, nor whether a refresh token
 * is the newest.
 * @param expired whether one that has expired is read too: to end the session that it names
 * @returns undefined where it is none of ours
 * @throws StoreUnavailable where that can't be told now
 */
export type ReadToken = (token: string, options?: { expired: boolean }) => Promise<VerifiedToken | undefined>

/** Decorates `fastify.readToken`. */
export default fp(
  async (fastify) => {
    const { accessTokens, refreshTokens } = fastify

    fastify.decorate('readToken', async (token, { expired } = { expired: false }) => {
      if (token === '') return undefined
      const [access, refresh] = await Promise.allSettled([
        expired ? accessTokens.verifyExpired(token) : accessTokens.verify(token),
        expired ? refreshTokens.verifyExpired(token) : refreshTokens.verify(token)
      ])
      if (access.status === 'fulfilled') return { token_use: 'access_token', claims: access.value }
      if (refresh.status === 'fulfilled') return { token_use: 'refresh_token', claims: refresh.value }
      if (access.reason instanceof StoreUnavailable) throw access.reason
      return undefined
    })
  },
  { name: 'read-token', dependencies: ['access-tokens', 'refresh-tokens'] }
)
