import type { TokenAnswer } from '../schemas/tokens.ts'

/** ms between two tries: doubled from the first to the longest */
const firstPause = 1000
const longestPause = 60_000
/** seconds that a Retry-After counts for at most */
const longestRetryAfter = 3600

/** ms before its expiry at which an access token is due: a quarter of its life, at most a minute */
export const marginOf = ({ expires_in }: TokenAnswer) => Math.min(60, expires_in / 4) * 1000

/** The same, earlier by chance, so that of many tabs one is the first. */
export const dueBefore = (answer: TokenAnswer) => marginOf(answer) * (1 + Math.random() / 2)

/**
 * How long to pause after so many failures in a row, in ms, with jitter: clients that failed together do not
 * come back together.
 * @param retryAfter seconds that the server asked for
 * @returns `asked`, before which nothing may be tried, and `pause`
 */
export function pauseAfter(failures: number, retryAfter = 0) {
  const asked = Math.min(longestRetryAfter, retryAfter) * 1000
  const backoff = Math.min(longestPause, firstPause * 2 ** failures) * (0.5 + Math.random() / 2)
  return { asked, pause: Math.max(backoff, asked * (1 + Math.random() / 10)) }
}
