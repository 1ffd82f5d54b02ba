// Which build of argon2 is in use, in a copy of what takes part: nothing here touches the packages installed.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { hasAvx2 } from '../../argon2/index.ts'
import { runToEnd } from '../cli/command.ts'
import { temporaryFolder } from '../embedded/support.ts'
import { root } from '../server/process.ts'

// It compiles, on a busy machine.
t.setTimeout(300_000)

const flags = 'fpu sse sse2 avx f16c abm movbe xsave bmi1 avx2 bmi2 fma'
const cpuinfo = (flags: string) => `processor\t: 0\nflags\t\t: ${flags}\nbugs\t\t: \n`

t.test('a processor has AVX2 and what goes with it, or not', async (t) => {
  t.equal(hasAvx2(cpuinfo(flags)), true)
  for (const flag of ['avx2', 'bmi2', 'fma'])
    t.equal(hasAvx2(cpuinfo(flags.replace(new RegExp(` ${flag}\\b`), ''))), false, `without ${flag}`)
  t.equal(hasAvx2('processor\t: 0\nFeatures\t: fp asimd\n'), false, 'another kind')
})

const isHere = process.platform === 'linux' && process.arch === 'x64'
const canRun = isHere && hasAvx2(readFileSync('/proc/cpuinfo', 'utf8'))
const hasCompiler = await promisify(execFile)('g++', ['--version']).then(
  () => true,
  () => false
)
const skip = !(canRun && hasCompiler) && 'no AVX2, or no compiler'

const program = `
import { argon2, argon2Build } from './argon2/index.ts'
const known = '$argon2id$v=19$m=19456,t=2,p=1$AgICAgICAgICAgICAgICAg$sZyZ2CKtUsaQyV/MRyYVNTK9rn4Acg0rHku1LbLVkSA'
const right = await argon2.verify(known, 'correct horse battery staple')
process.stdout.write(JSON.stringify([argon2Build, right]))
`

/** A project that has the package, and what is said there. */
function makeProject(t: Test) {
  const folder = temporaryFolder(t)
  const modules = join(folder, 'node_modules')
  const source = join(root, 'node_modules')
  for (const name of ['argon2', 'scripts/tune.js', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true })
  for (const name of ['@phc/format', 'node-gyp-build', 'node-addon-api', 'tsx', 'esbuild', 'get-tsconfig']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(source, name), join(modules, name))
  }
  const home = join(modules, 'argon2')
  cpSync(join(source, 'argon2'), home, {
    recursive: true,
    filter: (path) => !path.includes('x86-64-v3')
  })
  writeFileSync(join(folder, 'program.ts'), program)
  const untouched = readdirSync(home)
  return {
    home,
    untouched,
    inUse: async () => {
      const { stdout } = await runToEnd([process.execPath, '--import', 'tsx', 'program.ts'], {
        folder,
        env: {}
      })
      return JSON.parse(stdout) as unknown
    },
    tune: (args: string[] = [], env: NodeJS.ProcessEnv = {}) =>
      runToEnd(['npm', 'run', '--silent', 'tune', '--', ...args], { folder, env })
  }
}

t.test('compiled, used, and undone', { skip }, async (t) => {
  const { home, untouched, inUse, tune } = makeProject(t)
  t.same(await inUse(), ['portable (SSE2)', true])
  const { code, stdout } = await tune()
  t.equal(code, 0)
  t.match(stdout, /It hashes by RFC 9106. CPU time for a password: [\d.]+ ms, before [\d.]+ ms\./)
  t.same(await inUse(), ['compiled for this processor (AVX2)', true])
  t.same(readdirSync(home), [...untouched, 'x86-64-v3'].sort(), 'nothing else is left')

  writeFileSync(join(home, 'x86-64-v3/build/Release/argon2.node'), 'cut short')
  t.same(await inUse(), ['portable (SSE2)', true], 'one that can not be loaded is in nobody’s way')
  t.match(await tune(['--undo']), { code: 0 })
  t.same(readdirSync(home), untouched)
  // What the image has for processors of another kind.
  mkdirSync(join(home, 'x86-64-v3'))
  t.same(await inUse(), ['portable (SSE2)', true])
})

t.test('a build that hashes wrongly is thrown away', { skip }, async (t) => {
  const { home, untouched, inUse, tune } = makeProject(t)
  const file = join(home, 'argon2/src/blake2/blake2b.c')
  const source = readFileSync(file, 'utf8')
  writeFileSync(file, source.replace('0x6a09e667f3bcc908', '0x6a09e667f3bcc909'))
  t.match(await tune(), { code: 1, stderr: /^It hashes wrongly\n\nNot compiled\./ })
  t.same(readdirSync(home), untouched)
  t.same(await inUse(), ['portable (SSE2)', true])
})

t.test('without a compiler all is as before', { skip }, async (t) => {
  const { home, untouched, inUse, tune } = makeProject(t)
  t.match(await tune([], { CXX: 'false' }), {
    code: 1,
    stderr: /Not compiled. It takes python3, make and g\+\+ .*\nAll works as before/
  })
  t.same(readdirSync(home), untouched)
  t.same(await inUse(), ['portable (SSE2)', true])
})
