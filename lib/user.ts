import type { User } from '../schemas/tokens.ts'
import { milliseconds } from './milliseconds.ts'
import { Problem } from './problem.ts'

const columns = ['id', 'email', 'name', 'role', 'email_verified']

/** The columns that make a `User`, in any query. */
export const userColumns = [...columns, 'created_at'].join(', ')

/** The same with `created_at` in ms, for the queries of most requests. @param users what the table is called there */
export const userColumnsOf = (users: string) =>
  [...columns.map((name) => `${users}.${name}`), milliseconds(`${users}.created_at`)].join(', ')

/** The role that may administer. */
export const administratorRole = 'admin'

/** One spelling for one mailbox: nobody has two accounts that differ by case. */
export const normalizeEmail = (email: string) => email.trim().toLowerCase()

/** Whether a user may not log in or refresh now, in any query. @param users what the table is called there */
export const userDisabled = (users: string) =>
  `(${users}.disabled_at IS NOT NULL AND coalesce(${users}.disabled_until > now(), true))`

/** Told only to whoever has proved to be that user. @param until when a ban that ends by itself does */
export const accountDisabled = (until: Date | null) =>
  new Problem(
    'account_disabled',
    until ? `This account is disabled until ${until.toISOString()}.` : 'This account is disabled.'
  )

export const userNotFound = () => new Problem('user_not_found', 'The account may have been deleted.')

export interface UserRow extends Omit<User, 'created_at'> {
  /** Where it is a number, ms: see `milliseconds`. */
  created_at: Date | number
}

export function toUser({ id, email, name, role, email_verified, created_at }: UserRow): User {
  return { id, email, name, role, email_verified, created_at: new Date(created_at).toISOString() }
}
