// The server reads .env in its working directory; names of the environment win over those of the file.
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { spawnServer } from './server-process.ts'

async function refusalOf(t: Test, file: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawnServer(t.testdir({ '.env': file }), env)
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, errors }
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
