export type Store = 'postgres' | 'redis'

/** A store could not answer: 503, try again, nothing was decided. What it was asked may still have happened. */
export class StoreUnavailable extends Error {
  readonly store: Store

  constructor(store: Store, cause: unknown) {
    super(`${store} does not answer`, { cause })
    this.name = 'StoreUnavailable'
    this.store = store
  }
}

/**
 * Waits for a store's answer.
 * @param deadline ms; without it the caller sees to that
 * @throws StoreUnavailable where the store can't answer or not in time; what else goes wrong as it is
 */
export function ask<Answer>(store: Store, work: Promise<Answer>, deadline?: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer =
      deadline === undefined
        ? undefined
        : setTimeout(() => {
            reject(new StoreUnavailable(store, new Error(`no answer within ${String(deadline)} ms`)))
          }, deadline)
    work.then(
      (answer) => {
        clearTimeout(timer)
        resolve(answer)
      },
      (error: Error) => {
        clearTimeout(timer)
        reject(isUnavailable(error) ? new StoreUnavailable(store, error) : error)
      }
    )
  })
}

/**
 * Whether an error means that a store could not answer (503, try again) rather than that we asked it
 * something wrong (500). Knows the errors of pg, ioredis and node's sockets.
 */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(isUnavailable)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    socketErrorCodes.has(code) ||
    postgresUnavailable.test(code) ||
    clientMessages.test(error.message) ||
    redisReplies.test(error.message) ||
    errorNames.has(error.name)
  )
}

const socketErrorCodes = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED ETIMEDOUT EPIPE EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN ENOENT'.split(
    ' '
  )
)

// SQLSTATE: 08 connection, 53 insufficient resources, 57P operator intervention, 57014 our own
// statement timeout, 25006 a standby that can't write, 58 system error.
const postgresUnavailable = /^(08...|53...|57P..|57014|25006|58...)$/

// Errors that the clients raise themselves and give no code.
const clientMessages =
  /^(timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|Connection is closed|Too many Cluster redirections|Command timed out|Stream isn't writeable|Cluster isn't ready|Cannot use a pool after calling end)/

const redisReplies =
  /^(READONLY|LOADING|OOM|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|MASTERDOWN|BUSY|UNKILLABLE|MISCONF|NOAUTH|UNBLOCKED) ?/

const errorNames = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError'])
