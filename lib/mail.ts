import type { RequestOrigin } from './session.ts'

/** A mail as it leaves. */
export interface Mail {
  to: string
  subject: string
  text: string
  html: string
}

/** What the link of a mail is for; a token is good for one of them only. */
export type EmailTokenPurpose = 'verify_email' | 'password_reset' | 'email_change'

/** Things that the owner of an account is told of. */
export type Notice = 'new_sign_in' | 'password_changed' | 'email_change_requested' | 'email_changed'

/**
 * A mail that was asked for, before anybody has looked whether there is an account: so that the answer takes the
 * same time whether or not there is one. What comes of it is decided when it is sent.
 */
export type MailOrder =
  | { kind: 'verify_email'; user_id: string }
  | { kind: 'password_reset'; email: string; by: RequestOrigin }
  | { kind: 'email_change'; user_id: string; email: string; sid: string }
  | { kind: 'signup'; email: string; name: string | null; password_hash: string }
  | { kind: 'notice'; notice: Notice; to: string; at: string; by: RequestOrigin; new_email?: string }
