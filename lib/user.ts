import type { User } from '../schemas/tokens.ts'

/** The columns that make a `User`, in any query. */
export const userColumns = 'id, email, name, role, email_verified, created_at'

/** One spelling for one mailbox: nobody has two accounts that differ by case. */
export const normalizeEmail = (email: string) => email.trim().toLowerCase()

/** Whether a user may not log in or refresh now, in any query. @param users what the table is called there */
export const userDisabled = (users: string) =>
  `(${users}.disabled_at IS NOT NULL AND coalesce(${users}.disabled_until > now(), true))`

export interface UserRow extends Omit<User, 'created_at'> {
  created_at: Date
}

export function toUser({ id, email, name, role, email_verified, created_at }: UserRow): User {
  return { id, email, name, role, email_verified, created_at: created_at.toISOString() }
}
