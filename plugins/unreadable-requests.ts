import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ConnectionError } from 'fastify'
import type { Socket } from 'node:net'
import { Problem, problemDocument, problemMediaType } from '../lib/problem.ts'

const unreadable = () =>
  new Problem('invalid_request', 'The request could not be read: check its syntax, headers and length.')

function fromConnectionError({ code }: ConnectionError): Problem {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout', 'The request did not arrive in time. Try again.')
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large', 'The request headers are larger than this server reads.')
    default:
      return unreadable()
  }
}

/**
 * Options of Fastify for what fails before the error handler of any route applies: a URL that can not be
 * decoded, and bytes that never become a request. Answered as every other problem is.
 */
export function unreadableRequests(publicUrl: string) {
  return {
    frameworkErrors(_error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
      const problem = unreadable()
      void reply
        .code(problem.statusCode)
        .type(problemMediaType)
        .header('cache-control', 'no-store')
        .send(problemDocument(problem, publicUrl, request.id))
    },

    clientErrorHandler(this: FastifyInstance, error: ConnectionError, socket: Socket) {
      const { code } = error
      if (code === 'ECONNRESET' || !socket.writable) {
        socket.destroy()
        return
      }
      const problem = fromConnectionError(error)
      const request_id = randomUUID()
      const body = JSON.stringify(problemDocument(problem, publicUrl, request_id))
      // Not the error itself: it holds the bytes of the request, and with them its tokens.
      this.log.debug({ reqId: request_id, code }, 'a request could not be read')
      socket.write(
        [
          `HTTP/1.1 ${String(problem.statusCode)} ${STATUS_CODES[problem.statusCode] ?? ''}`,
          `Content-Type: ${problemMediaType}; charset=utf-8`,
          `Content-Length: ${String(Buffer.byteLength(body))}`,
          'Cache-Control: no-store',
          'Connection: close',
          '',
          body
        ].join('\r\n')
      )
      socket.destroySoon()
    }
  }
}
