// A hundred thousand users take no more memory than a thousand.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { build, logIn, password } from '../helper.ts'
import { onStores, root } from '../server/process.ts'
import { runner, runToEnd } from './command.ts'

const app = await build(t)
const folder = t.testdir({
  // Node and macOS and Linux agree on KiB.
  'peak.mjs': `import { writeSync } from 'node:fs'
process.on('exit', () => writeSync(2, \`peak \${process.resourceUsage().maxRSS} KiB\\n\`))\n`
})

/** crypt(3) of libxcrypt, of the tests' password. */
const password_hash = '$2b$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W'

async function* lines(beginning: string, count: number) {
  for (let index = 0; index < count; index++) {
    const email = `${beginning}-${String(index)}@example.com`
    yield `${JSON.stringify({ email, name: 'Somebody with a name', password_hash })}\n`
  }
}

/** @returns peak RSS in MiB, and what was said on the way */
async function importing(beginning: string, count: number) {
  const file = join(folder, `${beginning}.ndjson`)
  await writeFile(file, Readable.from(lines(beginning, count)))
  const [node = '', ...args] = runner
  const { code, stdout, stderr } = await runToEnd(
    [node, '--import', join(folder, 'peak.mjs'), ...args, 'users', 'import', file, '--json'],
    { env: onStores(app.stores), folder: root }
  )
  t.equal(code, 0, stderr)
  t.match(JSON.parse(stdout), { imported: count, rejected: 0 })
  const [, peak] = /^peak (\d+) KiB$/m.exec(stderr) ?? []
  return { peak: Number(peak) / 1024, stderr }
}

t.test('memory is flat, progress is shown, and who was imported logs in', async (t) => {
  const few = await importing('few', 1000)
  const many = await importing('many', 100_000)
  t.comment(`peak RSS: ${few.peak.toFixed(0)} MiB with 1,000 users, ${many.peak.toFixed(0)} MiB with 100,000`)
  t.ok(many.peak < few.peak + 80, `${many.peak.toFixed(0)} MiB against ${few.peak.toFixed(0)}`)

  const reports = many.stderr
    .split('\n')
    .filter((line) => /^\d+ %, [\d,]+ lines, [\d,]+ lines\/s$/.test(line))
  t.equal(reports.length, 10)
  t.match(reports.at(-1), /^100 %, 100,000 lines/)
  t.comment(reports.at(-1))

  const email = 'many-77777@example.com'
  t.equal(password, 'correct horse battery staple')
  await logIn(app, email)
  const { rows } = await app.stores.pool.query<{ password_hash: string }>(
    'SELECT password_hash FROM users WHERE email = $1',
    [email]
  )
  t.match(rows[0]?.password_hash, /^\$argon2id\$/)
})
