import type { Command } from 'commander'
import { CommandError } from '../describe-error.ts'
import { withRecords } from '../inside.ts'
import { show, table, time } from '../output.ts'

interface Options {
  json?: true
}

/** `latchkey clients …` */
export function addClients(program: Command): void {
  const clients = program.command('clients').description('services that may introspect and revoke tokens')

  clients
    .command('create')
    .description('make a client; its secret is shown this once')
    .argument('<name>', 'for people')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey clients create "orders service"')
    .action(async (name: string, { json }: Options, command: Command) => {
      if (!/^[^\p{C}]{1,200}$/u.test(name))
        command.error('error: the name must be 1 to 200 printable characters')
      const { id, secret } = await withRecords(({ oauthClients }) => oauthClients.create(name))
      show(
        json,
        { client_id: id, client_secret: secret, name },
        `client_id      ${id}`,
        `client_secret  ${secret}`,
        'Keep the secret now: it is stored as a hash and can not be shown again.'
      )
    })

  clients
    .command('list')
    .description('the clients, without their secrets')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey clients list')
    .action(async ({ json }: Options) => {
      const rows = await withRecords(({ oauthClients }) => oauthClients.list())
      const listed = rows.map(({ id, name, created_at, last_used_at }) => ({
        client_id: id,
        name,
        created_at: time(created_at),
        last_used_at: time(last_used_at)
      }))
      show(json, { clients: listed }, table(listed, 'There is no client: latchkey clients create makes one.'))
    })

  clients
    .command('delete')
    .description('end a client; its secret is refused from then on')
    .argument('<client_id>', 'as `clients list` names it')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey clients delete 01a205e5-e566-71ef-9c49-321a516f9d51')
    .action(async (id: string, { json }: Options) => {
      const deleted = await withRecords(({ oauthClients }) => oauthClients.remove(id))
      if (!deleted) throw new CommandError(`There is no client ${id}: latchkey clients list shows them`)
      show(json, { deleted: id }, `Deleted ${id}.`)
    })
}
