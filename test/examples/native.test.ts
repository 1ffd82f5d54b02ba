// The command line tool: signs in once, and knows its user the next time.
import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { temporaryFolder } from '../embedded/support.ts'
import { build, password, signUp } from '../helper.ts'
import { root } from '../server/process.ts'

t.test('the command line tool', async (t) => {
  const app = await build(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { email } = await signUp(app)
  const HOME = temporaryFolder(t)
  const run = (...args: string[]) => {
    const tool = [
      '--import',
      'tsx',
      '--import',
      `${root}test/examples/latchkey.ts`,
      `${root}examples/native/sign-in.ts`
    ]
    return promisify(execFile)(process.execPath, [...tool, ...args], { cwd: root, env: { HOME } })
  }
  await t.rejects(run(url, email, 'not the password'), { code: 1, stderr: /There is no account/ })
  t.match(JSON.parse((await run(url, email, password)).stdout), { email })
  t.match(JSON.parse((await run(url)).stdout), { email }, 'without its password')
  t.equal(statSync(join(HOME, '.latchkey-example')).mode & 0o777, 0o600)
  await app.close()
  await t.rejects(run(url), { code: 1, stderr: /You are still signed in: try again later/ })
})
