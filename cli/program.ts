import { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { addClients } from './commands/clients.ts'
import { addDoctor } from './commands/doctor.ts'
import { addEvents } from './commands/events.ts'
import { addKeys } from './commands/keys.ts'
import { addMigrate } from './commands/migrate.ts'
import { addUsers } from './commands/users.ts'
import { addWebhooks } from './commands/webhooks.ts'

/** The package's own, from the sources and from dist/ alike. */
function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        version: string
      }
      return version
    } catch {
      // One folder up.
    }
  }
  return 'unknown'
}

/** The command line: one command a file, in commands/. */
export function makeProgram(): Command {
  const program = new Command('latchkey')
    .description(
      'Runs what a Latchkey server needs beside it: keys, clients, users, webhooks, and a look at its health.'
    )
    .version(version())
    .addHelpText(
      'after',
      `
It works on the stores of DATABASE_URL and REDIS_URL, of the environment or of a file .env in this folder;
without them on the embedded ones in DATA_DIR, whether or not the server runs.

Exit codes: 0 done, 1 it could not be done, 2 the command line is wrong.

Examples:
  $ latchkey doctor
  $ latchkey users create ada@example.com --role admin
  $ latchkey keys list --json`
    )
  addMigrate(program)
  addKeys(program)
  addClients(program)
  addUsers(program)
  addEvents(program)
  addWebhooks(program)
  addDoctor(program)
  // Before any command is parsed, so that wrong options of each are ours to turn into an exit code.
  const throwAll = (command: Command) => {
    command.exitOverride().showHelpAfterError('(--help shows how)')
    command.commands.forEach(throwAll)
  }
  throwAll(program)
  return program
}
