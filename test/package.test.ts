// What `npm pack` packs, used from another project. With PACKAGE_TEST=registry the project is elsewhere and
// its dependencies come from the registry, as with a stranger; otherwise they are the ones installed here.
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import ts from 'typescript'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const fromRegistry = process.env['PACKAGE_TEST'] === 'registry'

const consumer = `
import Fastify, { type FastifyRequest } from 'fastify'
import { ConfigurationError, latchkey, readConfiguration, serverOptions } from 'latchkey'
import type { AccessTokenClaims, Authenticate, Configuration, LatchkeyOptions, User } from 'latchkey'
import { createNativeAuthClient, type NativeStorage } from 'latchkey/client/native'

const options: LatchkeyOptions = { DATABASE_URL: 'postgres://db', REDIS_URL: 'redis://r', prefix: '/accounts' }
export const configuration: Configuration = readConfiguration({ SECRET_KEY: 'x'.repeat(32), PORT: 1 })
export const app = Fastify(serverOptions(configuration))
export const problems = (error: unknown): string[] => error instanceof ConfigurationError ? error.problems : []
export const native = (storage: NativeStorage) => createNativeAuthClient({ baseUrl: 'https://auth.example.com', storage })
export const start = async () => {
  await app.register(latchkey, options)
  const hook: Authenticate = app.authenticateStrictly
  app.get('/mine', { onRequest: [app.authenticate, hook] }, async ({ auth }: FastifyRequest) => {
    const claims: AccessTokenClaims = auth
    return claims.sub satisfies User['id']
  })
}
`
const page = `
import { AuthError, createAuthClient, type AuthState, type User } from 'latchkey/client'

export const client = createAuthClient({ baseUrl: 'https://auth.example.com', timeout: 5000 })
export const signIn = (email: string, password: string): Promise<User> => client.login({ email, password })
export const nameOf = (state: AuthState) => (state.status === 'signed_in' ? state.user.name : null)
export const isOver = (error: unknown) => error instanceof AuthError && error.action === 'reauthenticate'
`
/** Another project: one program never has both, as the one decorates what the other does. */
const serviceConsumer = `
import Fastify, { type FastifyRequest } from 'fastify'
import verifier, { createVerifier, Problem, requireRole } from 'latchkey/verifier'
import type { AccessTokenClaims, Verifier, VerifierOptions, VerifierStatus } from 'latchkey/verifier'

const options: VerifierOptions = { issuer: 'https://a.example.com', audience: 'https://a.example.com' }
export const plain: Verifier = createVerifier({ ...options, onStatus: ({ state }: VerifierStatus) => state })
export const claims = async (token: string): Promise<AccessTokenClaims> => plain.verify(token)
export const answer = (error: unknown) => (error instanceof Problem ? plain.answer(error).status : 500)
export const admin = async (token: string) => requireRole(await claims(token), 'admin')
export const start = async () => {
  const app = Fastify()
  await app.register(verifier, options)
  const hooks = [app.authenticate, app.requireRole('admin'), app.requireRecentAuth(60)]
  app.get('/mine', { onRequest: hooks }, async ({ auth }: FastifyRequest) => auth.sub)
}
`
const compilerOptions = {
  ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
  ...{ target: ts.ScriptTarget.ES2023, lib: ['lib.es2023.d.ts'], types: ['node'] },
  ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }
}

/** What a strict compiler finds in a file of the project, and all that it has read for it. */
function compile(project: string, file: string, options: ts.CompilerOptions) {
  const host = { ...ts.createCompilerHost(options), getCurrentDirectory: () => project }
  const program = ts.createProgram([join(project, file)], options, host)
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => ({
    file: file?.fileName,
    message: ts.flattenDiagnosticMessageText(messageText, ' ')
  }))
  return { problems, files: program.getSourceFiles() }
}

const readPackage = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies' | 'bin',
    Record<string, string>
  >

/** What files add to the types of other packages: `package Interface.member`. */
function augmentations(files: readonly ts.SourceFile[]): string[] {
  return files.flatMap(({ statements }) =>
    statements
      .filter(ts.isModuleDeclaration)
      .flatMap(({ name, body }) =>
        body && ts.isModuleBlock(body)
          ? body.statements
              .filter(ts.isInterfaceDeclaration)
              .flatMap((type) =>
                type.members.map(
                  (member) => `${name.text} ${type.name.text}.${member.name?.getText() ?? '?'}`
                )
              )
          : []
      )
  )
}

// It builds, and compiles against every type that Fastify brings.
t.setTimeout(300_000)

t.test('the package', async (t) => {
  const folder = t.testdir({ source: {}, project: {} })
  const source = join(folder, 'source')
  const project = fromRegistry
    ? realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-')))
    : join(folder, 'project')
  t.teardown(() => {
    rmSync(project, { recursive: true, force: true })
  })

  // Packed from a copy, as a build in place would disturb a server that runs there.
  const left = ['.git', '.tap', '.data', 'coverage', 'dist', 'node_modules', 'test']
  for (const name of readdirSync(root).filter((name) => !left.includes(name)))
    cpSync(join(root, name), join(source, name), { recursive: true })
  const { stdout } = await run('npm', ['pack', '--json'], { cwd: source })
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [
    { filename: string; files: { path: string }[] }
  ]
  const tarball = join(source, packed.filename)

  await t.test('holds what is needed and nothing else', async (t) => {
    const files = packed.files.map(({ path }) => path)
    const code = files.filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path))
    t.same(
      code.filter((path) =>
        // What browsers get as it is, confirm/page.js, is its own source.
        [path, path.replace(/(\.d\.ts|\.js)$/, '.ts')].every(
          (source) => !existsSync(join(root, source.slice('dist/'.length)))
        )
      ),
      [],
      'each from a source'
    )
    t.notMatch(code.join(' '), /(test|bench|scripts)\//)
    const assets = ['lua', 'migrations', 'demo', 'mail', 'confirm'].flatMap((room) =>
      readdirSync(join(root, room))
        .filter((name) => !/\.[jt]s$|^tsconfig\.json$/.test(name))
        .map((name) => `dist/${room}/${name}`)
    )
    t.same(
      files.filter((path) => !code.includes(path)).sort(),
      ['.env.example', 'CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', ...assets].sort()
    )
  })

  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }')
  writeFileSync(join(project, 'consumer.ts'), consumer)
  writeFileSync(join(project, 'page.ts'), page)
  writeFileSync(join(project, 'service.ts'), serviceConsumer)
  if (fromRegistry) {
    const { devDependencies, dependencies } = readPackage(root)
    const others = { '@types/node': devDependencies['@types/node'], fastify: dependencies['fastify'] }
    const wanted = Object.entries(others).map(([name, version]) => `${name}@${String(version)}`)
    await run('npm', ['install', '--no-audit', '--no-fund', tarball, ...wanted], { cwd: project })
  } else {
    const place = join(project, 'node_modules/latchkey')
    mkdirSync(place, { recursive: true })
    await run('tar', ['-xzf', tarball, '-C', place, '--strip-components=1'])
  }

  await t.test('brings the command line', async (t) => {
    const { bin } = readPackage(join(project, 'node_modules/latchkey'))
    const program = join(project, 'node_modules/latchkey', bin['latchkey'] ?? '')
    t.match(readFileSync(program, 'utf8'), /^#!\/usr\/bin\/env node\n/)
    t.ok(statSync(program).mode & 0o100, 'which may be executed')
    if (!fromRegistry) {
      // What npm makes of `bin` when it installs.
      mkdirSync(join(project, 'node_modules/.bin'))
      symlinkSync(`../latchkey/${bin['latchkey'] ?? ''}`, join(project, 'node_modules/.bin/latchkey'))
    }
    const { stdout } = await run('npx', ['--no-install', 'latchkey', '--help'], { cwd: project })
    t.match(stdout, /^Usage: latchkey .*Examples:\n {2}\$ latchkey doctor/s)
  })

  await t.test('is imported, and refuses to start without its configuration', async (t) => {
    const script = `
      import Fastify from 'fastify'
      import { latchkey } from 'latchkey'
      await Fastify().register(latchkey, { SECRET_KEY: 'short' })`
    const refusal = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: project })
      .then(() => 'it started')
      .catch((error: { stderr: string }) => error.stderr)
    t.match(refusal, /ConfigurationError: .*\n.*SECRET_KEY must be at least 32 bytes/)
  })

  await t.test('its verifier is imported, and refuses to start without its options', async (t) => {
    const script = `
      import { createVerifier } from 'latchkey/verifier'
      createVerifier({})`
    const refusal = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: project })
      .then(() => 'it started')
      .catch((error: { stderr: string }) => error.stderr)
    t.match(refusal, /ConfigurationError: The options of the verifier are not valid:\n.*issuer must be/)
  })

  await t.test(
    'has types for a strict compiler, and adds to those of Fastify what it decorates',
    async (t) => {
      const augmentationsOf = (name: string) => {
        const { problems, files } = compile(project, name, compilerOptions)
        t.same(problems, [], name)
        return augmentations(
          files.filter(({ fileName }) => fileName.includes('node_modules/latchkey/'))
        ).sort()
      }
      t.same(augmentationsOf('consumer.ts'), [
        'fastify FastifyInstance.authenticate',
        'fastify FastifyInstance.authenticateStrictly',
        'fastify FastifyRequest.auth'
      ])
      t.same(augmentationsOf('service.ts'), [
        'fastify FastifyInstance.authenticate',
        'fastify FastifyInstance.requireRecentAuth',
        'fastify FastifyInstance.requireRole',
        'fastify FastifyInstance.verifier',
        'fastify FastifyRequest.auth'
      ])
    }
  )

  await t.test('has a browser SDK in one file, whose types lead to nothing of the server', async (t) => {
    const script = `
      import { createAuthClient } from 'latchkey/client'
      createAuthClient({ baseUrl: 'nowhere' })`
    const refusal = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: project })
      .then(() => 'it works')
      .catch((error: { stderr: string }) => error.stderr)
    t.match(refusal, /AuthError.*: baseUrl must be a URL, not "nowhere"/)
    t.notMatch(
      readFileSync(join(project, 'node_modules/latchkey/dist/client/index.js'), 'utf8'),
      /\bimport\b/
    )

    const { problems, files } = compile(project, 'page.ts', {
      ...compilerOptions,
      ...{ lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'], types: [] }
    })
    t.same(problems, [])
    const packages = files.flatMap(
      ({ fileName }) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(fileName)?.[1] ?? []
    )
    t.same([...new Set(packages)].sort(), ['@sinclair/typebox', 'latchkey', 'typescript'])
  })
})
