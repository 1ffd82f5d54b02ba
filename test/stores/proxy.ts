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
  /**
   * While on, requests are held on their way and delivered, late, when it is turned off: all but those whose
   * sender has broken its connection meanwhile.
   */
  holdRequests(on: boolean): void
  /** From now on the connections that are open carry nothing, and nobody is told; new ones are well. */
  silence(): void
  close(): Promise<void>
}

/** Forwards a port of its own to the port of a store, or of the app, on loopback. */
export async function startProxy(target: number): Promise<Proxy> {
  const place = await reservePlace()
  const clients = new Set<Socket>()
  const robbed = new Set<Socket>()
  let silenced = new WeakSet<Socket>()
  let dropping = false
  let held = Promise.resolve()
  let release = () => undefined as void

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const requests = new Transform({
      transform(chunk, _encoding, done) {
        void held.then(() => {
          done(null, silenced.has(client) ? undefined : chunk)
        })
      }
    })
    const answers = new Transform({
      transform(chunk, _encoding, done) {
        if (dropping) robbed.add(client)
        done(null, dropping || silenced.has(client) ? undefined : chunk)
      }
    })
    clients.add(client)
    // pipeline destroys every stream as soon as one fails or closes early
    pipeline(client, requests, connect(target, '127.0.0.1'), answers, client, () => {
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
    holdRequests(on) {
      release()
      if (on) held = new Promise((resolve) => (release = resolve))
    },
    silence() {
      silenced = new WeakSet(clients)
    },
    async close() {
      release()
      await cut()
      await place.remove()
    }
  }
}
