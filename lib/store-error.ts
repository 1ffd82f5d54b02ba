/**
 * Whether an error means that a store could not answer (503, try again) rather than that we asked it
 * something wrong (500). Knows the errors of pg, ioredis and node's sockets.
 */
export function isStoreUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.every(isStoreUnavailable)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    socketErrorCodes.has(code) ||
    postgresUnavailable.test(code) ||
    clientMessages.test(error.message) ||
    redisReplies.test(error.message) ||
    redisErrorNames.has(error.name)
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
  /^(timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|Connection is closed|Command timed out|Stream isn't writeable|Cluster isn't ready|Cannot use a pool after calling end)/

const redisReplies =
  /^(READONLY|LOADING|OOM|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|MASTERDOWN|BUSY|UNKILLABLE|MISCONF|NOAUTH|UNBLOCKED) ?/

const redisErrorNames = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError'])
