// npm run size -- --sessions 10000000 [--access-ttl 15m] [--active 1]
// What so many sessions need, by what was measured: docs/sizing.md explains each line.
import { Command, InvalidArgumentError } from 'commander'
import { readFileSync } from 'node:fs'
import { parseDuration } from '../lib/duration.ts'
import { describeSize, readCosts, sizeOf, type Workload } from './sizing.ts'

function sessions(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text))
    throw new InvalidArgumentError('It has to be a whole number, at least 1.')
  return Number(text)
}

function duration(text: string): number {
  const seconds = parseDuration(text)
  if (!seconds) throw new InvalidArgumentError('It has to be a duration such as 15m.')
  return seconds
}

function share(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It has to be more than 0, and at most 1.')
  return value
}

new Command('npm run size --')
  .description('What so many sessions need, by what was measured: see docs/sizing.md')
  .requiredOption('--sessions <n>', 'that are not ended, open or not', sessions)
  .option('--access-ttl <duration>', 'ACCESS_TOKEN_TTL', duration, 900)
  .option('--active <share>', 'of the sessions, that somebody has open at once', share, 1)
  .action(({ sessions, accessTtl, active }: { sessions: number; accessTtl: number; active: number }) => {
    const workload: Workload = { sessions, access_ttl: accessTtl, active }
    const costs = readCosts(readFileSync(new URL('../docs/results/scale.json', import.meta.url), 'utf8'))
    process.stdout.write(`${describeSize(workload, sizeOf(workload, costs))}\n`)
  })
  .parse()
