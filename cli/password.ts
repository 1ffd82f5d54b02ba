import { text } from 'node:stream/consumers'
import { read } from 'read'
import { CommandError } from './describe-error.ts'

/**
 * A new password: asked for twice at a terminal, unseen, or the first line of the standard input. Never an argument,
 * which every process of the machine can read.
 */
export async function newPassword(): Promise<string> {
  if (!process.stdin.isTTY) return (await text(process.stdin)).replace(/\r?\n[^]*$/, '')
  // The prompt is no part of the answer that a script reads.
  const ask = (prompt: string) => read({ prompt, silent: true, output: process.stderr })
  const password = await ask('Password: ')
  if ((await ask('Once more: ')) !== password) throw new CommandError('The two are not the same.')
  return password
}
