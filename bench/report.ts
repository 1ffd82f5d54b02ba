import type { Figures } from './figures.ts'
import type { LoginFloodResult } from './login-flood.ts'
import { writeMachine, type Machine } from '../scripts/markdown.ts'
import type { MeasureOptions, ScenarioResult } from './measure.ts'

export interface Report extends MeasureOptions {
  date: string
  commit: string
  machine: Machine
  scenarios: Record<string, ScenarioResult>
  loginFlood?: LoginFloodResult
}

/** 1234.5 → `1,235`, 12.34 → `12.3`, 1.234 → `1.23` */
export function write(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** How often requests were answered how. */
export const writeAnswers = (statuses: Record<string, number>) =>
  Object.entries(statuses)
    .map(([status, times]) => `${times.toLocaleString('en')} × ${status}`)
    .join(', ')

export function describeRun({ machine, date, commit, rounds, duration, connections }: Report): string {
  return [
    writeMachine(machine),
    `commit ${commit}, ${date.slice(0, 10)}`,
    `${String(connections)} connections, median of ${String(rounds)} × ${String(duration)} s`
  ].join('; ')
}

const head = [
  ...['scenario', 'server', 'requests/s', 'p50 ms', 'p99 ms', 'max ms'],
  ...['CPU µs/request', 'CPU %', 'peak RSS MB', 'errors']
]

const row = (name: string, server: string, figures: Figures): string[] => [
  name,
  server,
  write(figures.requests_per_second),
  write(figures.p50_ms),
  write(figures.p99_ms),
  write(figures.max_ms),
  write(figures.cpu_us_per_request),
  write(figures.cpu_percent),
  write(figures.peak_rss_mb),
  String(figures.errors)
]

function rowsOf(name: string, { latchkey, floor, ratio, argon2 }: ScenarioResult): string[][] {
  const ofFloor = [write(ratio.requests_per_second), '', write(ratio.p99), '', write(ratio.cpu_per_request)]
  return [
    row(name, 'latchkey', latchkey),
    row('', 'floor', floor),
    ['', 'ratio', ...ofFloor, '', '', ''],
    ...(argon2 ? [['', 'argon2', write(argon2.hashes_per_second), '', '', '', '', '', '', '']] : []),
    ...(argon2 ? [['', 'ratio', write(argon2.ratio), '', '', '', '', '', '', '']] : [])
  ]
}

/** For people at a terminal. */
export function tableOf({ scenarios, loginFlood }: Report): string {
  const rows = [head, ...Object.entries(scenarios).flatMap(([name, result]) => rowsOf(name, result))]
  const notes = [
    'The load comes from the same cores, so requests/s say less than the CPU time of a request.',
    'ratio: by the floor. argon2: the cores by the CPU time of one hash alone.'
  ]
  if (loginFlood) {
    const { idle, flood, p99_ratio, logins, rss_growth_mb } = loginFlood
    rows.push(row('login-flood', 'idle', idle), row('', 'flood', flood))
    rows.push(['', 'ratio', '', '', write(p99_ratio), '', '', '', '', ''])
    notes.push(
      `login-flood: refreshes; the logins were answered ${writeAnswers(logins)}; RSS grew by ${write(rss_growth_mb)} MB.`
    )
  }
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column < 2 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
  )
  return [...lines, '', ...notes].join('\n')
}

/** What was wrong, by scenario. */
export function faultsOf({ scenarios, loginFlood }: Report): string[] {
  const results = Object.entries({ ...scenarios, ...(loginFlood ? { 'login-flood': loginFlood } : {}) })
  return results.flatMap(([name, { faults }]) => faults.map((fault) => `${name}: ${fault}`))
}
