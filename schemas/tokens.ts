import { Type, type Static } from '@sinclair/typebox'
import { Client, Id, Time } from './common.ts'

export const User = Type.Object({
  id: Id,
  email: Type.String(),
  name: Type.Union([Type.String(), Type.Null()]),
  role: Type.String(),
  email_verified: Type.Boolean(),
  created_at: Time
})
export type User = Static<typeof User>

/** RFC 6749 §5.1 with the session and the user. Native sessions find their refresh token here. */
export const TokenAnswer = Type.Object({
  access_token: Type.String({ description: 'JWT, ES256, `typ: at+jwt` (RFC 9068)' }),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer({ description: 'seconds' }),
  session_id: Id,
  user: User,
  verdict: Type.Optional(
    Type.Union([Type.Literal('rotated'), Type.Literal('replayed')], {
      description: 'Of a refresh: a new head was made, or the one that there was is given again'
    })
  ),
  refresh_token: Type.Optional(Type.String({ description: 'Native sessions only' })),
  refresh_expires_in: Type.Optional(Type.Integer({ description: 'seconds; native sessions only' }))
})
export type TokenAnswer = Static<typeof TokenAnswer>

/** Claims of an access token (RFC 9068 §2.2), and what `request.auth` holds. */
export const AccessTokenClaims = Type.Object({
  iss: Type.String(),
  sub: Type.String({ description: 'id of the user' }),
  aud: Type.String(),
  iat: Type.Integer(),
  exp: Type.Integer(),
  jti: Type.String(),
  client_id: Client,
  sid: Type.String({ description: 'id of the session' }),
  role: Type.String(),
  email_verified: Type.Boolean(),
  auth_time: Type.Integer({ description: 'when the user last proved who they are' }),
  amr: Type.Array(Type.String(), { description: 'how (RFC 8176)' })
})
export type AccessTokenClaims = Static<typeof AccessTokenClaims>

/** Claims of a refresh token: the signed pair (sid, gen). */
export const RefreshTokenClaims = Type.Object({
  iss: Type.String(),
  sub: Type.String({ description: 'id of the user' }),
  sid: Type.String({ description: 'id of the session' }),
  gen: Type.Integer({ minimum: 1, description: 'generation' }),
  jti: Type.String(),
  iat: Type.Integer(),
  exp: Type.Integer()
})
export type RefreshTokenClaims = Static<typeof RefreshTokenClaims>
