import { Type, type Static } from '@sinclair/typebox'
import { Printable, Email, Id, Label, Name, NewPassword, Password, Time, Client } from './common.ts'

const closed = { additionalProperties: false }

/** @param minLength of a password, `PASSWORD_MIN_LENGTH` */
export const SignupBody = (minLength: number) =>
  Type.Object({ email: Email, password: NewPassword(minLength), name: Type.Optional(Name) }, closed)
export type SignupBody = Static<ReturnType<typeof SignupBody>>

/** @param minLength of a password, `PASSWORD_MIN_LENGTH` */
export const ChangePasswordBody = (minLength: number) =>
  Type.Object({ current_password: Password, new_password: NewPassword(minLength) }, closed)

export const ReauthenticateBody = Type.Object({ password: Password }, closed)

export const LoginBody = Type.Object(
  { email: Printable({ minLength: 1, maxLength: 254 }), password: Password },
  closed
)
export type LoginBody = Static<typeof LoginBody>

export const UpdateUserBody = Type.Object({ name: Type.Union([Name, Type.Null()]) }, closed)

export const Session = Type.Object({
  id: Id,
  client: Client,
  label: Type.Union([Type.String(), Type.Null()]),
  user_agent: Type.Union([Type.String(), Type.Null()]),
  ip: Type.Union([Type.String(), Type.Null()]),
  created_at: Time,
  last_used_at: Time,
  expires_at: Time,
  current: Type.Boolean({ description: 'whether it is the session that asks' })
})
export type Session = Static<typeof Session>

export const SessionList = Type.Object({ sessions: Type.Array(Session) })

export const SessionParams = Type.Object({ id: Id }, closed)

export const UpdateSessionBody = Type.Object({ label: Type.Union([Label, Type.Null()]) }, closed)
