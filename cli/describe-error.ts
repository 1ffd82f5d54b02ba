import { ConfigurationError } from '../lib/configuration-error.ts'
import { Problem, problems } from '../lib/problem.ts'
import { StoreUnavailable } from '../lib/store-error.ts'

/** Not possible, for a reason that is the user's to know. */
export class CommandError extends Error {}

/** The first reason. Errors of connections have several, one for each address, and say nothing themselves. */
export function reasonOf(error: unknown): string {
  if (error instanceof StoreUnavailable) return reasonOf(error.cause)
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}

const settingOf = { postgres: 'DATABASE_URL', redis: 'REDIS_URL' }

const isConnectionError = (error: unknown) =>
  error instanceof AggregateError || (error instanceof Error && 'code' in error && 'syscall' in error)

/** What went wrong, in plain words and without a stack. */
export function describeError(error: unknown): string {
  if (error instanceof ConfigurationError || error instanceof CommandError) return error.message
  if (error instanceof Problem) return `${problems[error.code].title}. ${error.message}`
  if (error instanceof StoreUnavailable)
    return `${error.message} (${reasonOf(error)}). Is ${settingOf[error.store]} right? Try again, or ask: latchkey doctor`
  if (isConnectionError(error))
    return `A store does not answer (${reasonOf(error)}): are DATABASE_URL and REDIS_URL right? Ask: latchkey doctor`
  const cause = error instanceof Error && error.cause !== undefined ? ` (${reasonOf(error.cause)})` : ''
  return `${reasonOf(error)}${cause}`
}
