// npm run bench -- [scenario…] [--json] [--rounds 5] [--duration 5] [--connections 40] [--out docs/results]
// Latchkey and the least that a server could do, measured in turn. Exits 1 where an answer was not what it should
// have been, or where a session is not its owner's any more.
import { Argument, Command, InvalidArgumentError } from 'commander'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { draw } from './chart.ts'
import { measureLoginFlood } from './login-flood.ts'
import { commit, describeMachine } from './machine.ts'
import { measure, type MeasureOptions } from './measure.ts'
import { showProgress } from './progress.ts'
import { describeRun, faultsOf, tableOf, type Report } from './report.ts'
import { scenarios } from './scenarios.ts'
import { openStores } from './stores.ts'

const names = [...(Object.keys(scenarios) as (keyof typeof scenarios)[]), 'login-flood' as const]
type Name = (typeof names)[number]

interface Given extends Omit<MeasureOptions, 'settings'> {
  set?: Record<string, string>
  json: boolean
  out?: string | false
  name: string
}

const say = (text: string) => process.stdout.write(`${text}\n`)

async function bench(given: Name[], { set, json, out, name: file, ...numbers }: Given): Promise<void> {
  const chosen = given.length > 0 ? given : names
  const folder = out ?? (given.length > 0 ? false : 'docs/results')
  const options: MeasureOptions = {
    ...numbers,
    settings: {
      LOG_LEVEL: 'warn',
      // Each connection refreshes its one session as fast as it can, and all log in from one address.
      REFRESH_RATE: '0',
      LOGIN_ATTEMPTS: '1000000',
      LOGIN_ATTEMPTS_PER_ADDRESS: '1000000',
      LOGIN_ATTEMPTS_PER_ACCOUNT: '1000000',
      ...set
    }
  }
  const { rounds, warmUp } = options
  const steps = chosen.length * 2 * (rounds + (warmUp > 0 ? 1 : 0))
  const progress = showProgress(process.stderr, steps)
  const interrupted = new AbortController()
  process.once('SIGINT', () => {
    interrupted.abort()
  })
  const stores = await openStores(process.env)
  const surroundings = { stores, progress, signal: interrupted.signal }
  try {
    const machine = await describeMachine(stores)
    const report: Report = {
      date: new Date().toISOString(),
      commit: commit(),
      machine,
      ...options,
      scenarios: {}
    }
    for (const name of chosen) {
      progress.about(name)
      if (name === 'login-flood') report.loginFlood = await measureLoginFlood(options, surroundings)
      else report.scenarios[name] = await measure(scenarios[name], options, surroundings)
    }
    progress.end()
    publish(report, json, folder === false ? false : join(folder, file))
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    process.exitCode = 130
  } finally {
    progress.end()
    await stores.close()
  }
}

/** @param path of the files that are written, without `.json` and `.svg` */
function publish(report: Report, json: boolean, path: string | false): void {
  const precise = (_: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value
  const written = JSON.stringify(report, precise, 1)
  say(json ? written : `${describeRun(report)}\n\n${tableOf(report)}`)

  const faults = faultsOf(report)
  if (faults.length > 0) {
    process.stderr.write(`WRONG:\n${faults.map((fault) => `  ${fault}`).join('\n')}\n`)
    process.exitCode = 1
  } else if (path !== false) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.json`, `${written}\n`)
    writeFileSync(`${path}.svg`, draw(report))
    process.stderr.write(`written: ${path}.json and .svg\n`)
  }
}

function atLeast(minimum: number) {
  return (text: string): number => {
    if (!/^\d+$/.test(text) || Number(text) < minimum)
      throw new InvalidArgumentError(`It has to be a whole number, at least ${String(minimum)}.`)
    return Number(text)
  }
}

function setting(text: string, others?: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('It has to be NAME=value.')
  return { ...others, [name]: value }
}

await new Command('npm run bench --')
  .description(
    'Measures Latchkey beside the least that a server could do. On the servers that DATABASE_URL and REDIS_URL name, ' +
      'else on embedded ones.'
  )
  .addArgument(new Argument('[scenario...]', 'all of them by default').choices(names))
  .option('--rounds <n>', 'of which the medians are taken', atLeast(1), 5)
  .option('--duration <s>', 'of one round of one server', atLeast(1), 5)
  .option('--connections <n>', 'under load at once', atLeast(1), 40)
  .option('--warm-up <s>', 'of each server, not measured', atLeast(0), 10)
  .option('--set <NAME=value>', 'a setting of Latchkey, any number of times', setting)
  .option('--json', 'print JSON', false)
  .option('--out <folder>', 'where the results are written (default: docs/results, where all are measured)')
  .option('--name <name>', 'of the files of results, without .json and .svg', 'bench')
  .option('--no-out', 'write nothing')
  .action(bench)
  .parseAsync()
