/** Whether somebody may be looking. A worker has no page, and is always at work. */
export const isVisible = () => globalThis.document?.visibilityState !== 'hidden'

/**
 * Tells when the page is shown or hidden, comes back from a freeze or out of the back-forward cache, and when
 * the network is back. Timers stood still meanwhile, and on some systems the monotonic clock did as well.
 * @param notice `asleep` where it certainly was
 * @returns what ends the watch
 */
export function watchWaking(notice: (asleep: boolean) => void): AbortController {
  const watch = new AbortController()
  // What is told to the document only is caught on its way there.
  const options = { capture: true, signal: watch.signal }
  for (const name of ['visibilitychange', 'resume', 'online', 'pageshow']) {
    globalThis.addEventListener?.(
      name,
      (event) => {
        notice(name === 'resume' || ('persisted' in event && event.persisted === true))
      },
      options
    )
  }
  return watch
}
