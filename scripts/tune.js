// npm run tune: compiles the package argon2 for processors with AVX2, which then need little more than half the time
// for a password. Takes python3, make and a C++ compiler. argon2/index.ts uses it where the processor can run it.
// npm run tune -- --undo: removes it.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const level = 'x86-64-v3'
const home = dirname(createRequire(import.meta.url).resolve('argon2/package.json'))
const compiled = join(home, level)
const addon = 'build/Release/argon2.node'

/**
 * What a build makes of the vector of RFC 9106 §5.3 and of a hash that the package's own build has made, and its
 * CPU time for one password in ms, the median of many. In a process of its own: a build that the processor can't
 * run ends it.
 */
const examination = `
const argon2 = require('argon2')
const { argon2id } = argon2
const vector = { type: argon2id, memoryCost: 32, timeCost: 3, parallelism: 4, salt: Buffer.alloc(16, 2),
  secret: Buffer.alloc(8, 3), associatedData: Buffer.alloc(12, 4), raw: true }
const passwords = { type: argon2id, memoryCost: 19456, timeCost: 2, parallelism: 1 }
const [, known] = process.argv
async function examine() {
  const tag = await argon2.hash(Buffer.alloc(32, 1), vector)
  const right = await argon2.verify(known, 'correct horse battery staple')
  const wrong = await argon2.verify(known, 'correct horse battery')
  const times = []
  for (let round = 0; round < 35; round++) {
    const before = process.cpuUsage()
    await argon2.hash('correct horse battery staple', passwords)
    const { user, system } = process.cpuUsage(before)
    if (round >= 4) times.push((user + system) / 1000)
  }
  times.sort((one, other) => one - other)
  console.log(JSON.stringify({ tag: tag.toString('hex'), right, wrong, ms: times[times.length >> 1] }))
}
examine()`
const vectorTag = '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659'
const knownHash =
  '$argon2id$v=19$m=19456,t=2,p=1$AgICAgICAgICAgICAgICAg$sZyZ2CKtUsaQyV/MRyYVNTK9rn4Acg0rHku1LbLVkSA'

const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`)
const complain = (/** @type {string} */ text) => process.stderr.write(`${text}\n`)

/** @param {NodeJS.ProcessEnv} choice by which the package's loader finds the build */
function examine(choice) {
  const { stdout, stderr, signal, status } = spawnSync(process.execPath, ['-e', examination, knownHash], {
    cwd: home,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...choice }
  })
  if (status !== 0) throw new Error(signal ? `It dies of ${signal}` : stderr)
  const { tag, right, wrong, ms } = JSON.parse(stdout)
  if (tag !== vectorTag || !right || wrong) throw new Error('It hashes wrongly')
  return ms
}

/** @param {string} folder a copy of the package */
function compile(folder) {
  // Those that came with Node. Without them node-gyp gets them from nodejs.org.
  const headers = dirname(dirname(process.execPath))
  const nodedir = existsSync(join(headers, 'include/node/node_api.h')) ? [`--nodedir=${headers}`] : []
  // npm has it on the path of what it runs.
  const { error, status, stdout, stderr } = spawnSync('node-gyp', ['rebuild', ...nodedir], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, CFLAGS: `-march=${level}`, CXXFLAGS: `-march=${level}` }
  })
  if (error) throw new Error('There is no node-gyp: run this by npm run tune')
  if (status !== 0) throw new Error(`${stdout}${stderr}`.split('\n').slice(-25).join('\n'))
}

function tune() {
  const folder = mkdtempSync(`${compiled}.new-`)
  for (const name of ['package.json', 'binding.gyp', 'argon2.cpp', 'argon2'])
    cpSync(join(home, name), join(folder, name), { recursive: true })
  say(`Compiling argon2 for ${level} …`)
  compile(folder)
  const before = examine({ PREBUILDS_ONLY: '1' })
  const after = examine({ ARGON2_PREBUILD: folder })
  mkdirSync(dirname(join(compiled, addon)), { recursive: true })
  renameSync(join(folder, addon), join(compiled, addon))
  say(
    `It hashes by RFC 9106. CPU time for a password: ${after.toFixed(1)} ms, before ${before.toFixed(1)} ms.\n` +
      'In use from the next start on. To undo it: npm run tune -- --undo'
  )
}

const forget = (/** @type {string} */ beginning) => {
  for (const name of readdirSync(home).filter((name) => name.startsWith(beginning)))
    rmSync(join(home, name), { recursive: true, force: true })
}

if (process.argv.includes('--undo')) {
  forget(level)
  say("From the next start on, the package's own build of argon2 is in use.")
} else if (
  process.platform !== 'linux' ||
  process.arch !== 'x64' ||
  !/\bavx2\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))
) {
  say("Nothing to gain: the package's own build of argon2 is the best for this machine.")
} else {
  try {
    tune()
  } catch ({ message }) {
    complain(
      `${message}\n\nNot compiled. It takes python3, make and g++ (on Debian: apt-get install python3 make g++).\n` +
        "All works as before, with the package's own build."
    )
    process.exitCode = 1
  } finally {
    forget(`${level}.new-`)
  }
}
