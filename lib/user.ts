import type { User } from '../schemas/tokens.ts'

/** One spelling for one mailbox: nobody has two accounts that differ by case. */
export const normalizeEmail = (email: string) => email.trim().toLowerCase()

/** The columns that make a `User`, in any query. */
export const userColumns = 'id, email, name, role, email_verified, created_at'

export interface UserRow extends Omit<User, 'created_at'> {
  created_at: Date
}

export function toUser({ id, email, name, role, email_verified, created_at }: UserRow): User {
  return { id, email, name, role, email_verified, created_at: created_at.toISOString() }
}
