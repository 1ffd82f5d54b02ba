import type { Command } from 'commander'
import { v7 as uuidv7 } from 'uuid'
import { makeMessage } from '../../lib/webhook.ts'
import { CommandError, reasonOf } from '../describe-error.ts'
import { withServer } from '../inside.ts'
import { show, table, time } from '../output.ts'

interface Options {
  json?: true
}

/** `latchkey webhooks …` */
export function addWebhooks(program: Command): void {
  const webhooks = program.command('webhooks').description('events that are sent to WEBHOOK_URL')

  webhooks
    .command('test')
    .description('send a signed event of the type webhook.test now, and say how it was answered')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey webhooks test')
    .action(async ({ json }: Options) => {
      const id = uuidv7()
      const status = await withServer(async (server) => {
        if (!server.webhooks.enabled) throw new CommandError('WEBHOOK_URL is not set: there is no receiver.')
        const message = makeMessage(id, 'webhook.test', new Date(), {})
        return server.webhooks.send(message).catch((error: unknown) => {
          const cause = error instanceof Error ? (error.cause ?? error) : error
          throw new CommandError(`The receiver of WEBHOOK_URL does not answer: ${reasonOf(cause)}`)
        })
      })
      const accepted = status >= 200 && status < 300
      if (!accepted) process.exitCode = 1
      const verdict = accepted ? 'It was accepted.' : 'Only 2xx accepts it; any other is tried again.'
      show(json, { id, status, accepted }, `The receiver answered ${String(status)}. ${verdict}`)
    })

  webhooks
    .command('list')
    .description('list events that were not delivered: those to come, and those given up')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey webhooks list')
    .action(async ({ json }: Options) => {
      const undelivered = await withServer((server) => server.webhooks.undelivered())
      const rows = undelivered.map(({ created_at, due_at, ...row }) => ({
        ...row,
        created_at: time(created_at),
        due_at: time(due_at),
        state: due_at === null ? 'given up' : 'pending'
      }))
      show(json, { webhooks: rows }, table(rows, 'All were delivered.'))
    })
}
