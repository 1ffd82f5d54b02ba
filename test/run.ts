// The test command. `npm test` runs the suite on embedded stores of its own, `npm run test:services` on the
// servers that DATABASE_URL and REDIS_URL name. What follows `--` goes to tap: npm test -- test/routes/*.test.ts
//
// `npm run test:coverage` also counts which lines ran, for which the suite takes twice as long. On other stores
// (EMBEDDED_REDIS=memory, or servers) only what the stores could make a difference to runs again.
import { execFile, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startEmbeddedStores } from '../embedded/index.ts'
import { compile, root } from './compiled.ts'
import { checkCoverage } from './coverage.ts'

const [, , ...given] = process.argv
const onServices = given[0] === '--services'
const coverage = given[0] === '--coverage'
const paths = onServices || coverage ? given.slice(1) : given
const whole = paths.length === 0 && !onServices && process.env['EMBEDDED_REDIS'] !== 'memory'

/** Tests that start what they need themselves, or that no server could change: they run on the embedded ones only. */
const farFromServers = [
  ...['stores', 'embedded', 'argon2', 'docs', 'lib', 'schemas', 'scripts', 'server'],
  ...['bench', 'client', 'examples', 'verifier', 'package.test.ts', 'architecture.test.ts']
]

/** What a Redis in memory could change: the scripts, and all that asks them. */
const nearRedis = [
  'flows',
  'limits',
  'races',
  'regressions',
  'routes/auth',
  'plugins/session-whitelist.test.ts',
  'library.test.ts'
]

function tapArguments(): string[] {
  if (paths.length > 0) return paths
  if (whole) return []
  if (onServices) return farFromServers.map((path) => `--exclude=test/${path.replace(/^\w+$/, '$&/**')}`)
  return nearRedis.flatMap(testsOf)
}

function testsOf(path: string): string[] {
  if (path.endsWith('.ts')) return [`test/${path}`]
  return readdirSync(join(root, 'test', path), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${path}/${name}`)
}

/** By itself, tap takes up the plugins of .taprc only at its next start. */
async function buildTap(): Promise<void> {
  const ask = "import('tap').then(({ default: t }) => process.stdout.write(t.pluginSignature))"
  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', ask])
  if (stdout.includes('@tapjs/typescript')) await promisify(execFile)('tap', ['build'])
}

function run(env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const counting = coverage ? ['c8', '--reporter=json-summary'] : []
    const [command = '', ...args] = [...counting, 'tap', 'run', ...tapArguments()]
    const child = spawn(command, args, {
      stdio: 'inherit',
      env: { ...process.env, ...env }
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      resolve(code ?? 1)
    })
  })
}

async function onEmbedded(): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  const kind = process.env['EMBEDDED_REDIS']
  const stores = await startEmbeddedStores({
    dataDir,
    postgres: true,
    redis: true,
    ...(kind === 'server' || kind === 'memory' ? { redisKind: kind } : {})
  })
  try {
    say(`Testing on embedded stores:\n${stores.description.map((line) => `  ${line}`).join('\n')}`)
    return await run({
      DATABASE_URL: stores.databaseUrl,
      ...(stores.redisUrl ? { REDIS_URL: stores.redisUrl } : { TEST_REDIS: 'memory' })
    })
  } finally {
    await stores.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function onNamedServices(): Promise<number> {
  const missing = ['DATABASE_URL', 'REDIS_URL'].filter((name) => !process.env[name])
  if (missing.length > 0) {
    say(`${missing.join(' and ')} must name the servers to test on, for example:
  DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres REDIS_URL=redis://127.0.0.1:6379 npm run test:services`)
    return 1
  }
  return run({})
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

await buildTap()
compile()
process.exitCode = await (onServices ? onNamedServices() : onEmbedded())
if (process.exitCode === 0 && coverage) {
  const { enough, report } = checkCoverage()
  say(report)
  if (!enough) process.exitCode = 1
}
