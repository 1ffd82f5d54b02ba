import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Test } from 'tap'

/** The HTTP requests that this process sends, by `fetch` or by `node:http`, as they happen, by their path. */
export function outboundRequests(t: Test): string[] {
  const requests: string[] = []
  const note = (message: unknown) => {
    requests.push((message as { request: { path: string } }).request.path)
  }
  const channels = ['undici:request:create', 'http.client.request.start']
  for (const channel of channels) subscribe(channel, note)
  t.teardown(() => {
    for (const channel of channels) unsubscribe(channel, note)
  })
  return requests
}
