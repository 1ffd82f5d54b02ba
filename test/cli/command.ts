import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { compiled, root } from '../compiled.ts'

/** What runs cli/ as it is. */
export const runner = [process.execPath, compiled('cli/index.ts')]

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

/** Runs a program to its end, with the given settings and no other. */
export async function runToEnd(
  command: string[],
  { env, folder = root, input = '' }: CommandOptions
): Promise<CommandResult> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: folder, env: { PATH: process.env['PATH'], ...env } })
  const { stdin, stdout, stderr } = child
  stdin.end(input)
  const [[code], said, complained] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(stdout),
    text(stderr)
  ])
  return { code, stdout: said, stderr: complained }
}

/** `latchkey …` as a process of its own. */
export const latchkey = (args: string[], options: CommandOptions): Promise<CommandResult> =>
  runToEnd([...runner, ...args], options)
