import type { Command } from 'commander'
import type { Check } from '../checks/check.ts'
import { show } from '../output.ts'

interface Options {
  json?: true
}

function lines({ name, status, found, advice }: Check): string[] {
  const line = `${status.padEnd(8)} ${name}: ${found}`
  return advice === undefined ? [line] : [line, `         → ${advice}`]
}

/** `latchkey doctor` */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at configuration, stores, keys, mail, passwords and cookies, and say what to do')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Changes nothing. Exit code 1 where something has failed; warnings are no failure.

Examples:
  $ latchkey doctor
  $ PUBLIC_URL=https://auth.example.com latchkey doctor --json`
    )
    .action(async ({ json }: Options) => {
      const { examine } = await import('../checks/examine.ts')
      const checks = await examine()
      const bad = checks.filter(({ status }) => status === 'failed').length
      const doubtful = checks.filter(({ status }) => status === 'warning').length
      const summary =
        bad + doubtful === 0 ? 'All is well.' : `${String(bad)} failed, ${String(doubtful)} to look at.`
      show(json, { ok: bad === 0, checks }, ...checks.flatMap(lines), summary)
      if (bad > 0) process.exitCode = 1
    })
}
