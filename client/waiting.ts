import { AuthError } from './auth-error.ts'
import { within } from './ask.ts'

/** Calls that wait for news of the session. */
export function createWaiting(reason: () => AuthError | undefined) {
  const calls = new Set<(error?: Error) => void>()
  return {
    calls,

    /** Lets them all go on, or rejects them. */
    settle: (error?: Error) => {
      for (const finish of calls) finish(error)
      calls.clear()
    },

    /**
     * Resolves with the next news.
     * @param limit ms
     * @throws AuthError with the reason why there was none in time; the reason of the signal
     */
    news: (limit: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        const finish = (error?: Error) => {
          if (error) reject(error)
          else resolve()
        }
        within(limit, signal).onabort = () => {
          calls.delete(finish)
          const message = `There was no access token within ${String(limit)} ms.`
          finish(
            (signal?.reason as Error | undefined) ??
              reason() ??
              new AuthError('timeout', message, { action: 'retry' })
          )
        }
        calls.add(finish)
      })
  }
}
