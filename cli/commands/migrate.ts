import type { Command } from 'commander'
import { withRecords } from '../inside.ts'
import { show } from '../output.ts'

interface Options {
  json?: true
}

/** `latchkey migrate` */
export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the tables up to date; a server does it by itself at its start')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nExamples:\n  $ latchkey migrate')
    .action(async ({ json }: Options) => {
      const { applied } = await withRecords(async ({ migrations }) => migrations)
      const lines = applied.length > 0 ? ['Applied:', ...applied.map((name) => `  ${name}`)] : ['Up to date.']
      show(json, { applied }, ...lines)
    })
}
