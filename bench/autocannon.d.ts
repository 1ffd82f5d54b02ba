// What is used of autocannon, which brings no types.
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  export interface Client extends EventEmitter {
    setHeaders: (headers: Record<string, string>) => void
  }

  export interface Options {
    url: string
    method?: 'GET' | 'POST'
    connections: number
    /** s */
    duration: number
    headers?: Record<string, string>
    body?: string
    /** Is told of every connection, before its first request. */
    setupClient?: (client: Client) => void
  }

  export interface Result {
    requests: { average: number; total: number }
    /** ms */
    latency: { p50: number; p99: number }
    '2xx': number
    non2xx: number
    errors: number
    timeouts: number
  }

  export default function autocannon(options: Options): Promise<Result>
}
