// A native app is killed without a word, 200 times, at any moment around its refreshes. The server knows no
// overlap here: what keeps the session is only that every token is stored, with its key, before it is used.
import { build as bundle } from 'esbuild'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createNativeAuthClient } from '../../client/native/index.ts'
import { fileStorage } from '../../examples/native/file-storage.ts'
import { temporaryFolder } from '../embedded/support.ts'
import { build, password } from '../helper.ts'
import { chance } from '../soak/chance.ts'

const kills = 200
const apps = 4
/** ms from a refresh, or from the start of the app, to its end; about two refreshes. */
const latest = 15
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** In one file of plain JavaScript, as a start that compiles first would take most of the time. */
async function compiled(t: Test): Promise<string> {
  const outfile = join(temporaryFolder(t), 'native-app.mjs')
  const app = fileURLToPath(new URL('native-app.ts', import.meta.url))
  await bundle({
    entryPoints: [app],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20'
  })
  return outfile
}

t.test(`killed ${String(kills)} times, SEED=${String(seed)}`, async (t) => {
  const app = await build(t, { REFRESH_OVERLAP: '0', REFRESH_RATE: '0' })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const program = await compiled(t)
  const folder = temporaryFolder(t)
  const { stores } = app

  /** Starts the app, and kills it at a moment. @returns what it said */
  const runFor = async (path: string, isTime: (lines: AsyncIterator<string>) => Promise<unknown>) => {
    // fetch parses HTTP in WebAssembly, whose optimization takes a third of so short a life.
    const child = spawn(process.execPath, ['--liftoff-only', program, url, path], {
      env: {},
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const ended = once(child, 'close')
    const said: string[] = []
    const output = createInterface(child.stdout).on('line', (line) => said.push(line))
    await isTime(output[Symbol.asyncIterator]())
    child.kill('SIGKILL')
    await ended
    return said
  }

  const seen = {
    refreshes: 0,
    'kills with a token that had been exchanged already': 0,
    'of these, while its successor was being written': 0
  }
  const oneApp = async (number: number) => {
    const path = join(folder, `session-${String(number)}`)
    const client = createNativeAuthClient({ baseUrl: url, storage: fileStorage(path), deviceId: 'phone' })
    await client.signup({ email: `phone-${String(number)}@example.com`, password })
    const kept = async () =>
      JSON.parse(await readFile(path, 'utf8')) as { refresh_token: string; session_id: string }
    const { session_id } = await kept()

    const draw = chance(seed + number)
    for (let kill = 0; kill < kills / apps; kill++) {
      const said = await runFor(path, async (lines) => {
        for (let line = Math.floor(draw() * 4); line >= 0; line--) await lines.next()
        await setTimeout(draw() * latest)
      })
      const refreshed = said.filter((line) => line === 'refreshed').length
      t.equal(said.length, 1 + refreshed, `${said.join(', ')}: never refused`)
      seen.refreshes += refreshed
      const [, claims = ''] = (await kept()).refresh_token.split('.')
      const { gen } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { gen: number }
      if (Number(await stores.redis.hget(stores.key(session_id), 'gen')) === gen) continue
      seen['kills with a token that had been exchanged already']++
      if (existsSync(`${path}.new`)) seen['of these, while its successor was being written']++
    }
    const atLast = await runFor(path, async (lines) => {
      await lines.next()
      await lines.next()
    })
    t.equal(atLast[1], 'refreshed')
    t.equal((await kept()).session_id, session_id)
  }
  await Promise.all(Array.from({ length: apps }, (_, number) => oneApp(number)))

  for (const [what, count] of Object.entries(seen)) t.comment(`${String(count)} ${what}`)
  t.ok(
    seen['kills with a token that had been exchanged already'] > 0,
    'the moments that matter are among them'
  )
  const { rows } = await stores.pool.query('SELECT revoked_reason FROM sessions WHERE revoked_at IS NOT NULL')
  t.same(rows, [], 'no session has ended')
})
