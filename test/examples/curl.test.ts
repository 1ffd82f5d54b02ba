import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { build } from '../helper.ts'
import { root } from '../server/process.ts'

t.test('the curl script', async (t) => {
  const app = await build(t)
  const url = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('127.0.0.1', 'localhost')
  const { stdout, stderr } = await promisify(execFile)('bash', [`${root}examples/curl.sh`, url])
  const lines = stdout.trim().split('\n')
  t.match(lines, [
    /^Sign up as /,
    /^Refresh, /,
    'Who am I?',
    /"email":"ada-\d+@example.com"/,
    'My sessions',
    /"current":true/,
    'Log out',
    'Refresh once more: refused',
    /"code":"refresh_token_missing"/
  ])
  t.match(stderr, /^(curl: \(22\).*401\s*)?$/)
})
