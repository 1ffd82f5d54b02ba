// What is used of autocannon, which brings no types.
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  export interface Request {
    method?: 'GET' | 'POST'
    path: string
    headers?: Record<string, string>
    body?: string
    /** Makes the request anew each time that it is sent. */
    setupRequest?: (request: Request) => Request
    onResponse?: (
      status: number,
      body: string,
      context: object,
      headers: Record<string, string | string[]>
    ) => void
  }

  export interface Client {
    setRequests: (requests: Request[]) => void
  }

  export interface Options {
    url: string
    connections: number
    /** s */
    duration: number
    requests?: Request[]
    /** Threads that send the requests, which then are plain data. */
    workers?: number
    /** Is told of every connection, before its first request. */
    setupClient?: (client: Client) => void
  }

  export interface Result {
    /** Connections that broke, and requests that nobody answered in time. */
    errors: number
    statusCodeStats: Record<string, { count: number }>
  }

  /** Emits `response` (client, status, bytes, ms). */
  export interface Run extends EventEmitter, PromiseLike<Result> {}

  export default function autocannon(options: Options): Run
}
