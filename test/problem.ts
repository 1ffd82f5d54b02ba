import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { problems, type ProblemCode } from '../lib/problem.ts'

interface ProblemBody {
  type: string
  code: string
  detail: string
  request_id: string
  errors?: { path: string; message: string }[]
}

/** What every problem document has, in its order; `errors` may follow. */
const members = ['type', 'title', 'status', 'detail', 'code', 'action', 'request_id']

const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

/** Asserts that an answer is the problem document of a code, as the registry has it, and nothing more. */
export function isProblem(
  t: Test,
  response: LightMyRequestResponse,
  code: ProblemCode,
  message: string = code
) {
  const { status, title, action } = problems[code]
  const body = response.json<ProblemBody>()
  t.match(
    { ...response, body },
    {
      statusCode: status,
      headers: { 'content-type': 'application/problem+json; charset=utf-8', 'cache-control': 'no-store' },
      body: { title, status, code, action, detail: /\w/, request_id: uuid }
    },
    message
  )
  t.equal(new URL(body.type).hash, `#${code}`, `${message}: type`)
  t.same(
    Object.keys(body).filter((member) => member !== 'errors'),
    members,
    `${message}: members`
  )
  return body
}

/** Asserts that an answer is some problem that is the client's fault. @returns its code */
export function isClientProblem(t: Test, response: LightMyRequestResponse, message: string): string {
  const { code } = response.json<ProblemBody>()
  if (isProblemCode(code) && problems[code].status < 500) isProblem(t, response, code, message)
  else t.fail(`${message}: ${String(response.statusCode)} ${response.body}`)
  return code
}

function isProblemCode(code: string): code is ProblemCode {
  return code in problems
}
