import type { Client } from '../schemas/common.ts'
import type { User } from '../schemas/tokens.ts'

/** Where a request comes from, as far as it says. */
export interface RequestOrigin {
  ip: string | null
  user_agent: string | null
  /** Who it is, where it is not the user whom it is about. */
  actor?: Actor
  /** The administrator's own id as a user. */
  actor_id?: string
}

export type Actor = 'administrator' | 'command_line'

/** What an administrator does to the account of somebody else. */
export const byAdministrator = (origin: RequestOrigin, actor_id: string): RequestOrigin => ({
  ...origin,
  actor: 'administrator',
  actor_id
})

/** What a sign-in chose for the session that it makes. */
export interface SignIn extends RequestOrigin {
  client: Client
  device_id: string | null
}

/** The tokens of a session, before their transport is applied. Durations in seconds. */
export interface IssuedTokens {
  access_token: string
  expires_in: number
  refresh_token: string
  refresh_expires_in: number
  session_id: string
  user: User
  client: Client
  /** What a refresh came to. */
  verdict?: 'rotated' | 'replayed'
}

/** Why a session ended; stands in `sessions.revoked_reason` and in the security event. */
export type RevokedReason =
  | 'logout'
  | 'logout_all'
  | 'ended_by_user'
  | 'ended_by_administrator'
  | 'account_disabled'
  | 'account_deleted'
  | 'password_changed'
  | 'password_reset'
  | 'email_changed'
  | 'reused'
  | 'exhausted'
  | 'session_cap'
  | 'device_replaced'
