import { STATUS_CODES } from 'node:http'
import t from 'tap'
import { Problem, problemDocument, problems, type ProblemCode } from '../../lib/problem.ts'

const codes = Object.keys(problems) as ProblemCode[]

t.test('no client is told to end a session over a fault of ours, or over haste', async (t) => {
  for (const code of codes) {
    const { status, action } = problems[code]
    if (status >= 500 || status === 429 || status === 408) t.equal(action, 'retry', code)
    else t.not(action, 'retry', code)
    if (action === 'reauthenticate') t.ok(status === 401 || status === 400, code)
  }
})

t.test('codes are stable words, statuses are those of HTTP, titles are sentences', async (t) => {
  for (const code of codes) {
    const { status, title } = problems[code]
    t.match(code, /^[a-z]+(_[a-z]+)*$/)
    t.ok(STATUS_CODES[status], code)
    t.match(title, /^[A-Z].*[^.]$/)
  }
})

t.test('a document shows what the problem says, and nothing of its cause', async (t) => {
  const problem = new Problem('email_taken', 'Log in instead.', {
    cause: new Error('duplicate key value'),
    headers: { 'x-inside': 'secret' },
    errors: [{ path: 'email', message: 'is taken' }]
  })
  t.same(problemDocument(problem, 'https://id.example.com', 'the-request'), {
    type: 'https://id.example.com/docs#email_taken',
    title: 'This email address has an account',
    status: 409,
    detail: 'Log in instead.',
    code: 'email_taken',
    action: 'none',
    request_id: 'the-request',
    errors: [{ path: 'email', message: 'is taken' }]
  })
})
