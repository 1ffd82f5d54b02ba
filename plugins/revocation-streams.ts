import fp from 'fastify-plugin'
import { Readable } from 'node:stream'
import { Problem } from '../lib/problem.ts'
import type { Revocations } from '../schemas/revocations.ts'

declare module 'fastify' {
  interface FastifyInstance {
    revocationStreams: RevocationStreams
  }
}

export interface RevocationStreams {
  /**
   * Server-sent events: what was revoked since a time, and then what is, as it happens.
   * @param since ms, or undefined for all that is remembered
   * @throws Problem temporarily_unavailable where there are as many as one node serves
   */
  open(since: number | undefined): Readable
}

/** Streams that one node serves. Who finds none left polls. */
const limit = 1000

/** ms from one event to the next where nothing is revoked: the listener sees that we are there. */
const heartbeat = 5000

/** Bytes that a slow listener may fall behind, besides what it asked for first. Then it has to come again. */
const backlog = 1_048_576

// WHATWG HTML §9.2.6
const write = (revocations: Revocations) =>
  `id: ${revocations.as_of}\nevent: revoked\ndata: ${JSON.stringify(revocations)}\n\n`

/** Decorates `fastify.revocationStreams`. They end when the server closes. */
export default fp(
  async (fastify) => {
    const feed = fastify.revocationFeed
    /** The bytes that each may have waiting. */
    const streams = new Map<Readable, number>()
    let closing = false

    const send = (revocations: Revocations) => {
      if (streams.size === 0) return
      const event = write(revocations)
      for (const [stream, allowed] of streams) {
        if (stream.readableLength > allowed) stream.destroy()
        else stream.push(event)
      }
    }

    const end = feed.listen(send)
    const timer = setInterval(() => {
      send(feed.since(Infinity))
    }, heartbeat)
    timer.unref()
    fastify.addHook('preClose', async () => {
      closing = true
      end()
      clearInterval(timer)
      for (const stream of streams.keys()) stream.push(null)
    })

    fastify.metrics.gauge(
      'latchkey_revocation_streams',
      'Services that follow revocations by server-sent events',
      () => streams.size
    )

    fastify.decorate('revocationStreams', {
      open(since) {
        if (closing || streams.size >= limit) {
          throw new Problem(
            'temporarily_unavailable',
            'No more streams are served here. Poll /revocations.',
            {
              retryAfter: 5
            }
          )
        }
        const stream = new Readable({ read: () => undefined })
        const first = write(feed.since(since))
        stream.push(first)
        streams.set(stream, first.length + backlog)
        stream.once('close', () => streams.delete(stream))
        return stream
      }
    })
  },
  { name: 'revocation-streams', dependencies: ['revocation-feed', 'metrics'] }
)
