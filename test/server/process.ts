import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  request,
  type Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders
} from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { compiled } from '../compiled.ts'
import { temporaryFolder } from '../embedded/support.ts'
import { password, redisInMemory, type Stores } from '../helper.ts'

export { root } from '../compiled.ts'

export interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface ServerProcess {
  child: ChildProcess
  /** Its working directory, in which it makes `.data`. */
  folder: string
  /** The URL that it says it is at. Rejects with what it said where it does not start. */
  ready: Promise<string>
  ended: Promise<Ending>
}

export interface ServerProcessOptions {
  /** The only settings that it has, but `PORT=0`. */
  env?: NodeJS.ProcessEnv
  folder?: string
  program?: string
}

/** server.ts as a process of its own, killed at the end of the test at the latest. */
export function startServer(
  t: Test,
  { env = {}, folder = temporaryFolder(t), program = compiled('server.ts') }: ServerProcessOptions = {}
): ServerProcess {
  const child = spawn(process.execPath, [program], {
    cwd: folder,
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  return { ...watch(t, child), folder }
}

/** What a process that is the server, or that runs it, says and how it ends. */
export function watch(t: Test, child: ChildProcess): Omit<ServerProcess, 'folder'> {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (more: string) => {
      said[name] += more
    })
  }
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    ...said
  }))
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended
  })
  const whenReady = new Promise<string>((resolve) => {
    child.stdout?.on('data', () => {
      const [, url] = /ready: +(http:\S+)/.exec(said.stdout) ?? []
      if (url) resolve(url)
    })
  })
  const whenNot = ended.then(({ stdout, stderr }) => {
    throw new Error(`The server did not start: ${stdout}${stderr}`)
  })
  const ready = Promise.race([whenReady, whenNot])
  // Who waits for the end only must not fail on this.
  ready.catch(() => undefined)
  return { child, ready, ended }
}

/** The settings that a process needs to be on the stores of the test. */
export function onStores({ env }: Stores): NodeJS.ProcessEnv {
  const settings = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]))
  return redisInMemory ? { ...settings, REDIS_URL: '', EMBEDDED_REDIS: 'memory' } : settings
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** A new connection that was not taken: nothing was asked, and nothing is lost. */
export class NotConnected extends Error {}

/** Asks over a real connection. Not with fetch, which takes no agent, and so no one connection. */
export async function ask(
  method: string,
  url: string,
  { body, headers, agent }: { body?: unknown; headers?: OutgoingHttpHeaders; agent?: Agent } = {}
): Promise<Answer> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const asked = request(url, { method, headers: { ...type, ...headers }, ...(agent ? { agent } : {}) })
  asked.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = (await once(asked, 'response').catch((cause: unknown) => {
    throw asked.reusedSocket ? cause : new NotConnected(undefined, { cause })
  })) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }
}

/** An account with a native session. */
export async function signUp(url: string, email = 'ada@example.com', agent?: Agent) {
  const { status, body } = await ask('POST', `${url}/auth/signup`, {
    body: { email, password },
    headers: { 'x-client': 'native' },
    ...(agent ? { agent } : {})
  })
  if (status !== 201) throw new Error(`signup answered ${status}: ${body}`)
  return JSON.parse(body) as { access_token: string; refresh_token: string }
}
