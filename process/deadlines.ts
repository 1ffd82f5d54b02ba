/** ms that requests in flight have after a signal, the draining of connections included. */
export const closeDelay = 9000

/** ms that clients have to learn, by the answer to their next request, that their connection is closed. */
export const drainDelay = 1000

/** ms after which a worker that was told to end is killed. It should have ended itself by then. */
export const killDelay = closeDelay + 300

/** ms after which the primary ends, whatever its workers do: within the 10 s that it is given. */
export const primaryCloseDelay = closeDelay + 800
