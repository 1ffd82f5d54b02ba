import type { Command } from 'commander'
import { CommandError } from '../describe-error.ts'
import { withServer } from '../inside.ts'
import { show, table } from '../output.ts'

/** `latchkey events` */
export function addEvents(program: Command): void {
  program
    .command('events')
    .description('the audit log: the last security events, the newest first')
    .option('--user <email>', 'of this account')
    .option('--type <type>', 'of this type, such as login_failed')
    .option('--limit <number>', 'how many', '50')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ latchkey events
  $ latchkey events --user ada@example.com --limit 10
  $ latchkey events --type role_changed --json`
    )
    .action(
      async (options: { user?: string; type?: string; limit: string; json?: true }, command: Command) => {
        const { user: email, type, json } = options
        if (!/^[1-9]\d{0,3}$/.test(options.limit)) command.error('error: --limit is a number from 1 to 9999')
        const { events } = await withServer(async (server) => {
          const account = email === undefined ? undefined : await server.users.findByEmail(email)
          if (email !== undefined && !account) throw new CommandError(`There is no user ${email}`)
          return server.auditLog.list({ limit: Number(options.limit), user_id: account?.user.id, type })
        })
        const rows = events.map(({ created_at, type, user_id, actor, actor_id, reason, details, ip }) => ({
          created_at,
          type,
          user_id,
          by: actor_id ?? actor,
          what: reason ?? (details && JSON.stringify(details)),
          ip
        }))
        show(json, { events }, table(rows, 'There are no such events.'))
      }
    )
}
