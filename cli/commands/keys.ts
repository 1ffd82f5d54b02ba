import type { Command } from 'commander'
import type { SigningKeyRecord } from '../../plugins/signing-key-records.ts'
import { CommandError } from '../describe-error.ts'
import { withRecords } from '../inside.ts'
import { show, table, time } from '../output.ts'

interface Options {
  json?: true
}

const describe = ({ kid, state, created_at, activates_at, retires_at, revoked_at }: SigningKeyRecord) => ({
  kid,
  state,
  published_at: time(created_at),
  activates_at: time(activates_at),
  retires_at: time(retires_at),
  revoked_at: time(revoked_at)
})

/** `latchkey keys …` */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that sign access tokens')

  keys
    .command('list')
    .description('every key that ever was, the newest first')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
States: published (in the key set, does not sign yet), active (signs), retired (its last tokens still live),
over (they have expired), revoked.

Examples:
  $ latchkey keys list
  $ latchkey keys list --json`
    )
    .action(async ({ json }: Options) => {
      const rows = await withRecords(({ signingKeyRecords }) => signingKeyRecords.list())
      const listed = rows.map(describe)
      show(
        json,
        { keys: listed },
        table(listed, 'There is no key yet: the first start of the server makes one.')
      )
    })

  keys
    .command('rotate')
    .description('publish a new key, which signs as soon as every cached key set has it')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\nNo token fails by it.\n\nExamples:\n  $ latchkey keys rotate')
    .action(async ({ json }: Options) => {
      const { key, rotated } = await withRecords(({ signingKeyRecords }) => signingKeyRecords.rotate())
      const what = rotated ? 'is published' : 'was published already, so nothing changed'
      show(
        json,
        { ...describe(key), rotated },
        `Key ${key.kid} ${what}.`,
        `It signs from ${String(time(key.activates_at))} on; the one before stays good until its last token has expired.`
      )
    })

  keys
    .command('revoke')
    .description('end keys at once, with every access token that they signed')
    .argument('[kid...]', 'which, as `keys list` names them')
    .option('--all', 'every key that is in use')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
For a key that may be in other hands. Every node refuses its tokens within seconds; clients refresh, and nobody is
logged out. The verifier hears of it; a service that has nothing but a cached key set takes its tokens until it reads that again,
five minutes at most.

Examples:
  $ latchkey keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
  $ latchkey keys revoke --all`
    )
    .action(async (kids: string[], { all, json }: Options & { all?: true }, command: Command) => {
      if (all === undefined && kids.length === 0) command.error('error: name a key, or --all')
      const { revoked, active } = await withRecords(async ({ signingKeyRecords }) => {
        const { keys } = await signingKeyRecords.live()
        const revoked = await signingKeyRecords.revoke(all ? keys.map(({ kid }) => kid) : kids)
        return {
          revoked,
          active: (await signingKeyRecords.list()).find(({ state }) => state === 'active')?.kid ?? null
        }
      })
      const missed = kids.filter((kid) => !revoked.includes(kid))
      show(
        json,
        { revoked, active },
        ...revoked.map((kid) => `Revoked ${kid}.`),
        `Key ${String(active)} signs now.`
      )
      if (missed.length > 0) throw new CommandError(`Not in use, so not revoked: ${missed.join(', ')}`)
    })
}
