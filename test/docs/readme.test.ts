// The lines of the README, as they stand there, on a server that really listens. Only the URL is another one.
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { makeStores } from '../helper.ts'
import { onStores, startServer } from '../server/process.ts'
import { blocksOf, commandBlocks, pagesOfCommands, type Block } from './pages.ts'

const needsServer = ({ code }: Block) => code.startsWith('URL=http://localhost:3000\n')

function run(block: Block | undefined, url: string, cwd: string) {
  if (!block) throw new Error('there are no such lines')
  const lines = block.code.replace('http://localhost:3000', url)
  const { stdout, stderr, status } = spawnSync('bash', ['-euo', 'pipefail'], {
    cwd,
    input: lines,
    encoding: 'utf8'
  })
  return { output: stdout.trim().split('\n'), stderr, status }
}

t.test('the walkthrough of the README', async (t) => {
  const url = await startServer(t, { folder: t.testdir(), env: onStores(await makeStores(t)) }).ready
  const { output, stderr, status } = run(blocksOf('README.md').find(needsServer), url, t.testdirName)
  t.equal(stderr, '')
  t.equal(status, 0)
  const [me = '', signedUp, first, second, loggedOut, refusal = '', refused, ...more] = output
  t.match(JSON.parse(me), { email: 'ada@example.com' }, 'the access token is good')
  for (const end of [signedUp, first, second]) t.match(end, /^[\w-]{8}$/, 'the end of a refresh token')
  t.equal(new Set([signedUp, first, second]).size, 3, 'the cookie is another one each time')
  t.equal(loggedOut, '204')
  t.match(JSON.parse(refusal), { code: 'session_revoked', action: 'reauthenticate' })
  t.equal(refused, '401')
  t.same(more, [])
})

t.test('the native app of Getting started', async (t) => {
  const url = await startServer(t, { folder: t.testdir(), env: onStores(await makeStores(t)) }).ready
  const { output, stderr, status } = run(
    blocksOf('docs/getting-started.md').find(needsServer),
    url,
    t.testdirName
  )
  t.equal(stderr, '')
  t.equal(status, 0)
  const [answer = '', ok, again = '', okAgain, ...more] = output
  t.same([ok, okAgain], ['200', '200'])
  const { refresh_token } = JSON.parse(answer) as { refresh_token: string }
  t.match(refresh_token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
  t.match(JSON.parse(again), { refresh_token }, 'the answer is given again')
  t.same(more, [])
})

const notRun: Record<string, string> = {
  'npm ci && npm start': 'the server is started as a process above, and by the tests of embedded/',
  'npm ci && npm test': 'it is what is running',
  'PORT=3001 DATA_DIR=.data-second npm start': 'two at once are in the tests of embedded/',
  'export DATABASE_URL=postgres://latchkey@127.0.0.1:5432/latchkey': 'needs these very servers',
  'npm pack': 'installs a package',
  'docker compose up': 'needs a container engine',
  'docker build --tag latchkey .': 'needs a container engine',
  'npm ci && npm run build': 'would replace the packages that the tests run with',
  'npm run tune': 'would compile into the packages that the tests run with; test/argon2 does in a copy',
  'npm run test:faults': 'the gate runs it',
  'npm run soak': 'takes ten minutes; the gate runs it for some seconds',
  'npm run bench:scale': 'takes five minutes; test/bench/scale.test.ts fills in some hundred sessions',
  'npm run size -- --sessions 10000000 --access-ttl 15m':
    'test/docs/generated.test.ts compares its output, test/scripts/sizing.test.ts runs it',
  'npm run bench': 'takes ten minutes; the gate runs every scenario for a second',
  'export DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres REDIS_URL=redis://127.0.0.1:6379':
    'the gate runs what follows',
  'npm run dev            # the server, restarted on every change': 'a list of commands, not a sequence'
}

t.test('every other command in the documentation is known not to be run, and why', async (t) => {
  const run = [blocksOf('README.md'), blocksOf('docs/getting-started.md')].flatMap((blocks) =>
    blocks.filter(needsServer).slice(0, 1)
  )
  const others = commandBlocks
    .filter(({ page }) => !pagesOfCommands.includes(page))
    .filter(({ code }) => !run.some((block) => block.code === code))
  const firstLines = others.map(({ code }) => code.split('\n')[0] ?? '')
  t.same([...new Set(firstLines)].sort(), Object.keys(notRun).sort())
})
