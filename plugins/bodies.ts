import { isUtf8 } from 'node:buffer'
import { parse as parseForm } from 'node:querystring'
import fp from 'fastify-plugin'
import { Problem } from '../lib/problem.ts'
import { formType } from '../schemas/oauth.ts'

/** No request of ours is larger; in bytes. */
const bodyLimit = 16_384

/** Decoders of forms put U+FFFD for what is no UTF-8; this one throws. */
function isPercentEncodedUtf8(form: string): boolean {
  try {
    decodeURIComponent(form)
    return true
  } catch {
    return false
  }
}

/**
 * What bodies are read: JSON, and HTML forms where a route `consumes` them, both as strict UTF-8 (RFC 8259
 * §8.1). Everything else is 415. The parsers that the host app has are not taken over.
 */
export default fp(
  async (fastify) => {
    const notUtf8 = () => new Problem('invalid_request', 'The body is not valid UTF-8.')

    fastify.removeAllContentTypeParsers()
    const parseJson = fastify.getDefaultJsonParser('error', 'error')
    fastify.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit },
      (request, body: Buffer, done) => {
        if (request.routeOptions.schema?.consumes?.includes('application/json') === false) {
          done(new Problem('unsupported_media_type', `Send the body as ${formType}.`))
          return
        }
        if (!isUtf8(body)) {
          done(notUtf8())
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
    fastify.addContentTypeParser(
      formType,
      { parseAs: 'buffer', bodyLimit },
      (request, body: Buffer, done) => {
        const form = body.toString('utf8')
        if (!request.routeOptions.schema?.consumes?.includes(formType))
          done(new Problem('unsupported_media_type', 'Send the body as application/json.'))
        else if (!isUtf8(body) || !isPercentEncodedUtf8(form)) done(notUtf8())
        else done(null, parseForm(form))
      }
    )
  },
  { name: 'bodies' }
)
