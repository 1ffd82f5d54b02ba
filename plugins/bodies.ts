import formbody from '@fastify/formbody'
import { isUtf8 } from 'node:buffer'
import fp from 'fastify-plugin'
import { Problem } from '../lib/problem.ts'

/** No request of ours is larger; in bytes. */
const bodyLimit = 16_384

/**
 * What bodies are read: JSON and HTML forms, both as strict UTF-8 (RFC 8259 §8.1). Everything else is 415.
 * The parsers that the host app has are not taken over.
 */
export default fp(
  async (fastify) => {
    fastify.removeAllContentTypeParsers()
    const parseJson = fastify.getDefaultJsonParser('error', 'error')
    fastify.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit },
      (request, body: Buffer, done) => {
        if (!isUtf8(body)) {
          done(new Problem('invalid_request', 'The body is not valid UTF-8.'))
          return
        }
        // A DELETE or a refresh by a client that always sets the type, with nothing in it.
        if (body.length === 0) {
          done(null, undefined)
          return
        }
        void parseJson(request, body.toString('utf8'), done)
      }
    )
    await fastify.register(formbody, { bodyLimit })
  },
  { name: 'bodies' }
)
