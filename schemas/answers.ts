import { Type, type TSchema } from '@sinclair/typebox'
import { ProblemDetails } from './common.ts'

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: ProblemDetails } }
})

const problems = {
  '4xx': problem('Refused: `code` says why'),
  '5xx': problem('Not possible now: try again')
}

/** The `response` of a route: its success, and RFC 9457 for everything else. */
export const answers = <Status extends number, Success extends TSchema>(
  status: Status,
  success: Success
): Record<Status, Success> => Object.assign({ [status]: success } as Record<Status, Success>, problems)

/** 204 */
export const Nothing = Type.Null({ description: 'Done' })

/** 202 */
export const Accepted = Type.Object({}, { description: 'A mail will say the rest' })
