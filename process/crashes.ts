/**
 * Signals of a process that is broken, which close-with-grace would listen to. No JavaScript can run any more: with a
 * listener the process would stand at the same place for ever, at full speed, and nobody would replace it.
 * @see https://nodejs.org/docs/latest-v20.x/api/process.html#signal-events
 */
export const crashes = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV'] as const
