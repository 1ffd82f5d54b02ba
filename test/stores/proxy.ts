import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { pipeline, Transform } from 'node:stream'
import { reservePlace } from './place.ts'

export interface Proxy {
  readonly port: number
  /** Destroys the connections and refuses new ones. */
  cut(): Promise<void>
  /** Accepts connections again, on the same port. */
  restore(): Promise<void>
  /**
   * While on, requests still arrive and their answers are swallowed. Turned off, it destroys the connections
   * that lost an answer: no network loses some bytes of a stream and goes on.
   */
  dropResponses(on: boolean): void
  close(): Promise<void>
}

/** Forwards a port of its own to the port of a store, or of the app, on loopback. */
export async function startProxy(target: number): Promise<Proxy> {
  const place = await reservePlace()
  const clients = new Set<Socket>()
  const robbed = new Set<Socket>()
  let dropping = false

  const server = createServer((client) => {
    const answers = new Transform({
      transform(chunk, _encoding, done) {
        if (dropping) robbed.add(client)
        done(null, dropping ? undefined : chunk)
      }
    })
    clients.add(client)
    // pipeline destroys every stream as soon as one fails or closes early
    pipeline(client, connect(target, '127.0.0.1'), answers, client, () => {
      clients.delete(client)
      robbed.delete(client)
    })
  })
  const restore = async () => {
    if (!server.listening) await once(server.listen(place.port, '127.0.0.1'), 'listening')
  }
  const cut = async () => {
    if (!server.listening) return
    const closed = once(server.close(), 'close')
    for (const client of clients) client.destroy()
    await closed
  }
  await restore()
  return {
    port: place.port,
    cut,
    restore,
    dropResponses(on) {
      dropping = on
      if (!on) for (const client of robbed) client.destroy()
    },
    async close() {
      await cut()
      await place.remove()
    }
  }
}
