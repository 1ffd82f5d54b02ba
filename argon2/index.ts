import type argon2Package from 'argon2'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'

const require = createRequire(import.meta.url)
const home = dirname(require.resolve('argon2/package.json'))

/**
 * Where `npm run tune` (scripts/tune.js) puts a build for processors that can do more than the oldest of their kind:
 * x86-64-v3 of the psABI, the level of AVX2. It goes with the version of the package, which it is in.
 */
const compiled = join(home, 'x86-64-v3')

/** The flags in /proc/cpuinfo that make x86-64-v3. `abm` is what Linux calls LZCNT. */
const flags = ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave']

/** Whether the processor runs what is compiled for x86-64-v3. One that does not would end the process. */
export function hasAvx2(cpuinfo: string): boolean {
  const [, line = ''] = /^flags\s*:(.*)$/m.exec(cpuinfo) ?? []
  const found = new Set(line.trim().split(' '))
  return flags.every((flag) => found.has(flag))
}

const suitsProcessor = () =>
  process.platform === 'linux' && process.arch === 'x64' && hasAvx2(readFileSync('/proc/cpuinfo', 'utf8'))

type Argon2 = typeof argon2Package

/** The package's loader, node-gyp-build, looks in the folder of this name before its own. */
const prebuild = 'ARGON2_PREBUILD'

function load(): Argon2 {
  const mayUseCompiled =
    process.env[prebuild] === undefined && existsSync(join(compiled, 'build/Release/argon2.node'))
  if (!mayUseCompiled || !suitsProcessor()) return require('argon2') as Argon2
  process.env[prebuild] = compiled
  try {
    return require('argon2') as Argon2
  } catch {
    // Compiled for another C library, or cut short. The package's own is as good, but for its speed.
  } finally {
    delete process.env[prebuild]
  }
  return require('argon2') as Argon2
}

/** The package argon2, in the build that suits the processor. */
export const argon2 = load()

// As it was loaded, by us or by the app that we are in.
const file =
  Object.keys(require.cache).find((name) => name.startsWith(home + sep) && name.endsWith('.node')) ?? ''
const isPortable = file.startsWith(join(home, 'prebuilds') + sep)

/** Which build that is, for people. */
export const argon2Build = file.startsWith(compiled + sep)
  ? 'compiled for this processor (AVX2)'
  : isPortable
    ? `portable${process.arch === 'x64' ? ' (SSE2)' : ''}`
    : 'compiled from source'

/** Whether `npm run tune` would make it faster on this machine. */
export const canTune = isPortable && suitsProcessor()
