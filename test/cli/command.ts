import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { root } from '../server/process.ts'

export interface CommandOptions {
  /** The only settings that it has. */
  env: NodeJS.ProcessEnv
  folder?: string
  /** What is written to its standard input. */
  input?: string
}

export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

// The compiler of the tests takes 2 s more of every process. For it, cli/ is not in the coverage.
export const runner = [`--import=${import.meta.resolve('tsx')}`, `${root}cli/index.ts`]

/** `latchkey …` as a process of its own. */
export async function latchkey(
  args: string[],
  { env, folder = root, input = '' }: CommandOptions
): Promise<CommandResult> {
  const child = spawn(process.execPath, [...runner, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: 'pipe'
  })
  child.stdin.end(input)
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr)
  ])
  return { code, stdout, stderr }
}
