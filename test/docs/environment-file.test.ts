// The server reads .env in its working directory; names of the environment win over those of the file.
import t, { type Test } from 'tap'
import { startServer } from '../server/process.ts'

async function refusalOf(t: Test, file: string, env: NodeJS.ProcessEnv = {}) {
  const folder = t.testdir({ '.env': file })
  const { code, stderr } = await startServer(t, { folder, env: { PORT: undefined, ...env } }).ended
  return { code, errors: stderr }
}

t.test('a bad value in the file is refused by its name', async (t) => {
  const { code, errors } = await refusalOf(t, 'PORT=banana\nREFRESH_OVERLAP=soon\n')
  t.equal(code, 1)
  t.match(errors, /PORT must be integer\n.*REFRESH_OVERLAP must be seconds or a number with a unit/)
})

t.test('the environment wins', async (t) => {
  const { code, errors } = await refusalOf(t, 'PORT=banana\nNODE_ENV=production\n', { PORT: '0' })
  t.equal(code, 1)
  t.match(errors, /DATABASE_URL is missing: NODE_ENV=production refuses the embedded Postgres/)
  t.notMatch(errors, /PORT/)
})
