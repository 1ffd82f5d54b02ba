import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { claimDataFolder } from '../../embedded/data-folder.ts'
import { startPrivateServer } from '../../embedded/private-server.ts'
import { end, identify, identifyByPs } from '../../embedded/process-identity.ts'
import { processesIn, temporaryFolder } from './support.ts'

void t.test(
  'of many who claim a folder at once at most one has it, and it is free again after',
  async (t) => {
    const folder = temporaryFolder(t)
    const claims = await Promise.allSettled(Array.from({ length: 20 }, () => claimDataFolder(folder)))
    const owners = claims.flatMap((claim) => (claim.status === 'fulfilled' ? [claim.value] : []))
    t.ok(owners.length <= 1)
    for (const owner of owners) owner.release()
    t.same(readdirSync(folder), [])
    const owner = await claimDataFolder(folder)
    await t.rejects(claimDataFolder(folder), { message: `in use by process ${process.pid}` })
    owner.release()
  }
)

void t.test('an owner whose number is another process by now is dead, and so are its servers', async (t) => {
  const folder = temporaryFolder(t)
  const later = {
    pid: process.pid,
    identity: 'the boot before, the same number',
    stopSignal: 'SIGKILL' as const
  }
  writeFileSync(join(folder, 'owner-dead.json'), JSON.stringify({ ...later, servers: [later] }))
  const owner = await claimDataFolder(folder)
  t.same(owner.orphans, [later])
  owner.release()
  t.same(readdirSync(folder), [])
})

void t.test('a file that was cut short tells of nobody', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'owner-cut.json'), '{"pid":')
  const owner = await claimDataFolder(folder)
  t.same(owner.orphans, [])
  owner.release()
})

for (const [name, identifyProcess] of Object.entries({ identify, identifyByPs })) {
  void t.test(`${name} tells processes apart`, async (t) => {
    const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
    await once(child, 'spawn')
    const identity = identifyProcess(child.pid ?? 0)
    t.ok(identity)
    t.equal(identifyProcess(child.pid ?? 0), identity, 'the same each time')
    t.ok(identifyProcess(process.pid))
    child.stdin.end()
    await once(child, 'close')
    t.equal(identifyProcess(child.pid ?? 0), undefined)
  })
}

const stubborn = `
  for (const signal of ['SIGTERM', 'SIGQUIT']) process.on(signal, () => console.log(signal))
  setInterval(() => {}, 60_000)
  console.log('ready to accept connections')`

void t.test('a server that hangs is ended all the same', async (t) => {
  const child = spawn(process.execPath, ['-e', stubborn], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await once(child.stdout, 'data')
  const closed = once(child, 'close')
  const isGone = () => child.signalCode !== null
  await end('SIGTERM', (signal) => child.kill(signal), isGone, 300)
  t.same(await closed, [null, 'SIGKILL'])
  t.match(output, /SIGTERM\nSIGQUIT/)
})

void t.test(
  'what does not even end on SIGKILL is reported, and what is gone already is no error',
  async (t) => {
    await t.rejects(
      end(
        'SIGTERM',
        () => undefined,
        () => false,
        1
      ),
      { message: 'not even on SIGKILL' }
    )
    const gone = () => {
      throw Object.assign(new Error('no such process'), { code: 'ESRCH' })
    }
    let asked = 0
    await end('SIGTERM', gone, () => ++asked > 1, 1000)
    const denied = () => {
      throw Object.assign(new Error('not permitted'), { code: 'EPERM' })
    }
    await t.rejects(
      end('SIGTERM', denied, () => false, 1),
      { code: 'EPERM' }
    )
  }
)

void t.test('a server that is not ready in time is ended, and quoted', async (t) => {
  const path = temporaryFolder(t)
  const folder = await claimDataFolder(path)
  t.teardown(folder.release)
  const options = {
    name: 'cat',
    program: '/bin/sh',
    args: ['-c', 'echo one moment; exec tail -f /dev/null'],
    workingFolder: path,
    stopSignal: 'SIGTERM' as const
  }
  await t.rejects(startPrivateServer(options, folder, 300), {
    message: /did not start: it was not ready within 300 ms\. Its last words:\none moment/
  })
  t.same(processesIn(path), [])
})
