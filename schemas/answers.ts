import { Type, type TSchema } from '@sinclair/typebox'
import { ProblemDetails } from './common.ts'

/** The `response` of a route: its success, and RFC 9457 for everything else. */
export const answers = <Status extends number, Success extends TSchema>(status: Status, success: Success) =>
  ({ [status]: success, '4xx': ProblemDetails, '5xx': ProblemDetails }) as Record<Status, Success>

/** 204 */
export const Nothing = Type.Null({ description: 'Done' })
