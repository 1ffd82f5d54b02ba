import { Type } from '@sinclair/typebox'
import { Email, NewPassword, Password } from './common.ts'

const closed = { additionalProperties: false }

const EmailToken = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'From the link of a mail; good once, for a time, for what it was sent for'
})

export const EmailTokenBody = Type.Object({ token: EmailToken }, closed)

export const ForgotPasswordBody = Type.Object({ email: Email }, closed)

/** @param minLength of a password, `PASSWORD_MIN_LENGTH` */
export const ResetPasswordBody = (minLength: number) =>
  Type.Object({ token: EmailToken, new_password: NewPassword(minLength) }, closed)

export const ChangeEmailBody = Type.Object({ email: Email }, closed)

export const ConfirmSignupBody = Type.Object({ token: EmailToken, password: Password }, closed)
