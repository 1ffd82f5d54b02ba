import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { oauthError } from '../lib/oauth-error.ts'
import { Problem, problemDocument, problemMediaType, type InvalidField } from '../lib/problem.ts'
import { StoreUnavailable } from '../lib/store-error.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `oauth`: errors of the route are in the form of RFC 6749 §5.2. */
    errors?: 'oauth'
  }
}

/** Seconds after which a client may try again where no better figure is known. */
const retryAfter = 1

function fromValidation(error: FastifyError): Problem {
  const errors: InvalidField[] = (error.validation ?? []).map(({ instancePath, params, message }) => {
    const missing = params['missingProperty'] ?? params['additionalProperty']
    const path = instancePath.slice(1).replaceAll('/', '.')
    return {
      path: typeof missing === 'string' ? [path, missing].filter(Boolean).join('.') : path,
      message: message ?? 'is not valid'
    }
  })
  return new Problem('invalid_request', 'Some fields are not valid; see "errors" for which and why.', {
    errors
  })
}

/** Turns whatever was thrown into a problem; nothing internal of it stays but the cause, for the log. */
function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof StoreUnavailable) {
    return new Problem('temporarily_unavailable', 'A store does not answer. Nothing was lost; try again.', {
      retryAfter,
      cause: error
    })
  }
  const fastifyError = error instanceof Error ? (error as FastifyError) : undefined
  if (fastifyError?.validation) return fromValidation(fastifyError)
  switch (fastifyError?.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('payload_too_large', 'The request body is larger than this server reads.')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem('unsupported_media_type', 'Send the body as application/json.')
    case 'FST_ERR_HANDLER_TIMEOUT':
      return new Problem('temporarily_unavailable', 'The request took too long. Try again.', {
        retryAfter,
        cause: error
      })
    default:
  }
  const status = fastifyError?.statusCode ?? 500
  if (status >= 400 && status < 500) {
    return new Problem(
      'invalid_request',
      'The request could not be read: check its syntax, headers and length.',
      { cause: error }
    )
  }
  return new Problem('internal_error', 'The error was logged under the request id of this answer.', {
    cause: error
  })
}

/**
 * Every error leaves as RFC 9457 `application/problem+json` with a stable `code` and an `action`, or from
 * /oauth in the form that OAuth clients know.
 * Also answers unknown routes.
 */
export default fp(
  async (fastify) => {
    const answer = (problem: Problem, request: FastifyRequest, reply: FastifyReply) => {
      const { code, statusCode } = problem
      if (problem.cause instanceof StoreUnavailable)
        fastify.metrics.storeErrors.inc({ store: problem.cause.store })
      // A 503 without a cause is a refusal on purpose: fastify.shed tells of those that come by the thousand.
      const isFault = statusCode >= 500 && !(statusCode === 503 && problem.cause === undefined)
      if (isFault) request.log.error({ err: problem, code }, 'request failed')
      else request.log.debug({ code, detail: problem.message }, 'request refused')

      void reply.headers(problem.headers).header('cache-control', 'no-store')
      if (problem.retryAfter !== undefined) void reply.header('retry-after', String(problem.retryAfter))
      if (request.routeOptions.config.errors === 'oauth') {
        const { status, document } = oauthError(problem, fastify.configuration.PUBLIC_URL)
        return reply.code(status).type('application/json').send(document)
      }
      return reply
        .code(statusCode)
        .type(problemMediaType)
        .send(problemDocument(problem, fastify.configuration.PUBLIC_URL, request.id))
    }

    fastify.setErrorHandler((error, request, reply) => answer(toProblem(error), request, reply))
    fastify.setNotFoundHandler((request, reply) =>
      answer(
        new Problem('not_found', 'There is no such path and method; /docs lists what there is.'),
        request,
        reply
      )
    )
  },
  { name: 'errors', dependencies: ['configuration', 'metrics'] }
)
