import type { Command } from 'commander'
import t, { type Test } from 'tap'
import { makeProgram } from '../../cli/program.ts'
import { latchkey } from './command.ts'

/** The commands that do something. */
const leaves = (command: Command): Command[] =>
  command.commands.length > 0 ? command.commands.flatMap(leaves) : [command]

const nameOf = (command: Command): string =>
  command.parent ? `${nameOf(command.parent)} ${command.name()}`.trim() : ''

function helpOf(command: Command): string {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
  return help
}

t.test('every command has --json, and help with examples that are right', async (t) => {
  const commands = leaves(makeProgram())
  t.same(commands.map(nameOf).sort(), [
    'clients create',
    'clients delete',
    'clients list',
    'doctor',
    'events',
    'keys list',
    'keys revoke',
    'keys rotate',
    'migrate',
    'users ban',
    'users create',
    'users delete',
    'users export',
    'users import',
    'users role',
    'users sessions',
    'users unban',
    'webhooks list',
    'webhooks test'
  ])
  for (const command of commands) {
    const help = helpOf(command)
    const examples = [...help.matchAll(/^ {2}\$ .*?latchkey (.*)$/gm)].map(([, example = '']) => example)
    t.ok(
      examples.some((example) => example.startsWith(nameOf(command))),
      nameOf(command)
    )
    t.ok(command.options.some(({ long }) => long === '--json'))
  }
})

/** What a command line is told that is wrong; nothing is asked of any store. */
async function refusalOf(test: Test, line: string): Promise<string> {
  const program = makeProgram()
  let said = ''
  for (const command of [program, ...program.commands, ...leaves(program)])
    command.configureOutput({ writeErr: (text) => (said += text) })
  await test.rejects(program.parseAsync(line.split(' '), { from: 'user' }), { name: 'CommanderError' })
  return said
}

t.test('a wrong command line is told how it is right', async (t) => {
  const wrong = {
    frobnicate: /^error: unknown command 'frobnicate'\n\(--help shows how\)/,
    'users ban': /^error: missing required argument 'email'/,
    'users role ada@example.com Administrator!': /^error: a role is/,
    'users create ada@example.com --role 1': /^error: a role is/,
    'clients create \u0007': /^error: the name must be 1 to 200/,
    'keys list --yaml': /^error: unknown option '--yaml'/
  }
  for (const [line, expected] of Object.entries(wrong)) t.match(await refusalOf(t, line), expected)
})

t.test('and the exit code is 2', async (t) => {
  t.match(await latchkey(['keys', 'revoke'], { env: {} }), {
    code: 2,
    stdout: '',
    stderr: /^error: name a key, or --all/
  })
  t.match(await latchkey([], { env: {} }), { code: 2, stdout: '', stderr: /^Usage: latchkey / })
})

t.test('help is an answer', async (t) => {
  t.match(await latchkey(['--help'], { env: {} }), {
    code: 0,
    stdout: /Examples:\n {2}\$ latchkey doctor/,
    stderr: ''
  })
})
