import { problems } from '../lib/problem.ts'
import { Configuration } from '../schemas/configuration.ts'
import { formType } from '../schemas/oauth.ts'
import { code, number, table, writeMachine, type Machine } from './markdown.ts'
import { costsTable, entriesTable, scaleTable, sizeExample } from './scale-documents.ts'

/** What is read of an OpenAPI document. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>
}

interface Operation {
  tags?: string[]
  summary?: string
  description?: string
  security?: Record<string, unknown>[]
  requestBody?: { content: Record<string, { schema: BodySchema }> }
  parameters?: { in: string; name: string }[]
  responses: Record<string, unknown>
}

interface BodySchema {
  properties: Record<string, unknown>
  required?: string[]
}

interface Setting {
  type?: string
  enum?: string[]
  list?: boolean
  workers?: { maximum: number }
  duration?: { minimum: number; maximum: number }
  minimum?: number
  maximum?: number
  default?: string | number | boolean
  description?: string
}

const settings: Record<string, Setting> = Configuration.properties

/** 1800 → `30m` */
function writeDuration(seconds: number): string {
  if (seconds === 0) return '0'
  if (seconds < 1) return `${String(seconds * 1000)}ms`
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm']
  ] as const
  const [size, unit] = units.find(([size]) => seconds % size === 0) ?? [1, 's']
  return `${String(seconds / size)}${unit}`
}

function writeBounds(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined && maximum === undefined) return ''
  if (maximum === undefined) return `, at least ${String(minimum)}`
  return `, ${String(minimum)} to ${String(maximum)}`
}

/** What may be written for a setting, for people. */
function writeValues({ type, enum: values, list, workers, duration, minimum, maximum }: Setting): string {
  if (values) return values.map(code).join(', ')
  if (list) return 'list'
  if (workers) return `\`auto\`, or a whole number${writeBounds(1, workers.maximum)}`
  if (duration) return `duration, ${writeDuration(duration.minimum)} to ${writeDuration(duration.maximum)}`
  if (type === 'integer') return `whole number${writeBounds(minimum, maximum)}`
  if (type === 'boolean') return '`true`, `false`'
  return 'text'
}

const writeDefault = ({ default: value }: Setting) => (value === undefined ? '' : String(value))

export function configurationTable(): string {
  return table(
    ['name', 'value', 'default', 'meaning'],
    Object.entries(settings).map(([name, setting]) => {
      const value = writeDefault(setting)
      return [code(name), writeValues(setting), value && code(value), setting.description ?? '']
    })
  )
}

export function envExample(): string {
  const head = [
    '# Every setting with its default. Copy this file to .env and uncomment what you change.',
    '# Names of the environment win over those of the file. Explained in docs/configuration.md.',
    '# Generated from schemas/configuration.ts by: npm run docs:generate'
  ]
  const entries = Object.entries(settings).map(
    ([name, setting]) =>
      `# ${(setting.description ?? '').replaceAll('`', '')}\n#${name}=${writeDefault(setting)}`
  )
  return `${[head.join('\n'), ...entries].join('\n\n')}\n`
}

export function problemsTable(): string {
  return table(
    ['code', 'status', 'action', 'meaning'],
    Object.entries(problems).map(([name, { status, action, title }]) => [
      code(name),
      String(status),
      code(action),
      title
    ])
  )
}

function writeBody({ requestBody }: Operation): string {
  const content = requestBody?.content['application/json'] ?? requestBody?.content[formType]
  if (!content) return ''
  const { properties, required = [] } = content.schema
  return Object.keys(properties)
    .map((name) => code(required.includes(name) ? name : `${name}?`))
    .join(', ')
}

function writeMeaning({ summary = '', description }: Operation): string {
  return description ? `${summary}. ${description}` : summary
}

/** What a route needs, for people. */
const schemes: Record<string, string> = { accessToken: 'access token', client: 'client credentials' }

export function routesTable({ paths }: OpenApi): string {
  const rows = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => [
      code(`${method.toUpperCase()} ${path}`),
      (operation.security ?? [])
        .flatMap(Object.keys)
        .map((name) => schemes[name] ?? name)
        .join(', '),
      writeBody(operation),
      (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'header')
        .map(({ name }) => code(name))
        .join(', '),
      Object.keys(operation.responses)
        .filter((status) => /^\d+$/.test(status))
        .join(', '),
      writeMeaning(operation)
    ])
  )
  return table(['route', 'needs', 'body', 'headers', 'answers', 'does'], rows)
}

/** What test/faults/results.ts keeps of each fault. */
interface FaultResult {
  fault: string
  requests: number
  put_off: number
  unanswered: number
  logged_out_by_accident: number
  came_back: number
  slowest_answer_ms: number
  all_recovered_after_ms: number | null
  commit: string
  machine: string
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

/** @param results JSON, one fault a line */
export function faultsTable(results: string): string {
  const faults = results
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FaultResult)
  const [first] = faults
  if (!first) throw new Error('there are no results')
  const rows = faults.map((result) => [
    result.fault,
    String(result.requests),
    String(result.put_off + result.unanswered),
    String(result.logged_out_by_accident),
    String(result.came_back),
    seconds(result.slowest_answer_ms),
    result.all_recovered_after_ms === null ? '' : seconds(result.all_recovered_after_ms)
  ])
  const head = [
    'fault',
    'requests',
    'put off',
    'logged out by accident',
    'came back',
    'slowest answer',
    'all refreshed again after'
  ]
  return `${table(head, rows)}\n\n${first.machine}; commit ${first.commit}.`
}

/** What test/soak/soak.ts writes. */
interface SoakResult {
  minutes: number
  seed: number
  commit: string
  machine: { cpu: string; cores: number; node: string }
  requests: number
  people_who_stayed: number
  people_who_left: number
  logged_out_by_accident: string[]
  came_back: string[]
  broken_contract: string[]
  slowest_answer: number
  incidents: { all_refreshed: number }[]
}

export function soakSummary(result: string): string {
  const soak = JSON.parse(result) as SoakResult
  const { cpu, cores, node } = soak.machine
  const worst = Math.max(...soak.incidents.map(({ all_refreshed }) => all_refreshed))
  return [
    `${String(soak.minutes)} minutes, ${String(soak.incidents.length)} faults, ${String(soak.requests)} requests of`,
    `${String(soak.people_who_stayed)} people who stayed and ${String(soak.people_who_left)} sessions that were ended:`,
    `**${String(soak.logged_out_by_accident.length)} logged out by accident, ${String(soak.came_back.length)} came back,`,
    `${String(soak.broken_contract.length)} answers that are not promised.** The slowest answer took`,
    `${seconds(soak.slowest_answer)}; after the worst fault everybody had refreshed within ${seconds(worst)}.`,
    `(${String(cores)} × ${cpu}, Node ${node}; commit ${soak.commit}, seed ${String(soak.seed)})`
  ].join('\n')
}

interface BenchFigures {
  requests_per_second: number
  p50_ms: number
  p99_ms: number
  max_ms: number
  cpu_us_per_request: number
  peak_rss_mb: number
}

/** What bench/bench.ts writes. */
interface BenchResult {
  date: string
  commit: string
  rounds: number
  duration: number
  connections: number
  settings: Record<string, string>
  machine: Machine
  scenarios: Record<
    string,
    {
      description: string
      latchkey: BenchFigures
      floor: BenchFigures
      ratio: { requests_per_second: number; p99: number; cpu_per_request: number }
      argon2?: { hash_ms: number; hashes_per_second: number; ratio: number }
    }
  >
  loginFlood?: {
    description: string
    idle: BenchFigures
    flood: BenchFigures
    p99_ratio: number
    logins: Record<string, number>
    rss_growth_mb: number
  }
}

function benchRows({ scenarios }: BenchResult): string[][] {
  return Object.entries(scenarios).map(([name, { latchkey, floor, ratio, argon2 }]) => [
    code(name),
    `${number(latchkey.requests_per_second)} / ${number(floor.requests_per_second)}`,
    `**${number(ratio.requests_per_second)}**${argon2 ? ` (${number(argon2.ratio)} of argon2)` : ''}`,
    `${number(latchkey.p50_ms)} / ${number(floor.p50_ms)}`,
    `${number(latchkey.p99_ms)} / ${number(floor.p99_ms)}`,
    `${number(latchkey.max_ms)} / ${number(floor.max_ms)}`,
    `${number(latchkey.cpu_us_per_request)} / ${number(floor.cpu_us_per_request)}`,
    `**${number(ratio.cpu_per_request)}**`,
    number(latchkey.peak_rss_mb)
  ])
}

const benchHead = [
  'scenario',
  'requests/s',
  'by the floor',
  'p50 ms',
  'p99 ms',
  'max ms',
  'CPU µs a request',
  'by the floor',
  'peak RSS MB'
]

/** What bench/profile.ts writes. */
interface ProfileResult {
  commit: string
  shares: Record<string, Record<string, number>>
}

/** The parts of a request's CPU time, of each scenario, the largest of the first one first. */
export function profileSummary(json: string): string {
  const { commit, shares } = JSON.parse(json) as ProfileResult
  const names = Object.keys(shares)
  const parts = [...new Set(Object.values(shares).flatMap((parts) => Object.keys(parts)))]
  const percent = (name: string, part: string) => {
    const share = shares[name]?.[part]
    return share === undefined ? '–' : `${number(share * 100)} %`
  }
  const rows = parts.map((part) => [part, ...names.map((name) => percent(name, part))])
  return `${table(['', ...names.map(code)], rows)}\n\nCommit ${commit}, on the same machine.`
}

export function benchSummary(json: string): string {
  const result = JSON.parse(json) as BenchResult
  const { machine, scenarios, loginFlood, settings } = result
  const parts = [table(benchHead, benchRows(result))]
  const limit = scenarios['login']?.argon2
  if (limit) {
    parts.push(
      `Before each round one argon2id hash alone took ${number(limit.hash_ms)} ms of CPU time, so ${String(machine.cores)} cores could make at most ${number(limit.hashes_per_second)} a second.`
    )
  }
  if (loginFlood) {
    const { idle, flood, p99_ratio, logins, rss_growth_mb } = loginFlood
    const answers = Object.entries(logins).map(
      ([status, times]) => `${times.toLocaleString('en')} with ${status}`
    )
    parts.push(
      `${code('login-flood')}: refreshes took ${number(idle.p99_ms)} ms at p99 when idle and ${number(flood.p99_ms)} ms in the flood, **${number(p99_ratio)}** times as long. The logins were answered ${answers.join(' and ')}. RSS grew by ${number(rss_growth_mb)} MB.`
    )
  }
  const set = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  parts.push(
    `${String(result.connections)} connections, ${String(result.rounds)} rounds of ${String(result.duration)} s. ` +
      `${writeMachine(machine)}; ${set.join(', ')}; commit ${result.commit}.`
  )
  return parts.join('\n\n')
}

/** Replaces what stands between `<!-- generated: name -->` and `<!-- end -->`. */
function fill(page: string, name: string, content: string): string {
  const start = `<!-- generated: ${name} -->`
  const end = '<!-- end -->'
  const from = page.indexOf(start)
  const to = page.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`there is no place for "${name}": ${start} … ${end}`)
  return `${page.slice(0, from + start.length)}\n${content}\n${page.slice(to)}`
}

const fillAll = (page: string, parts: Record<string, string>) =>
  Object.entries(parts).reduce((filled, [name, content]) => fill(filled, name, content), page)

/**
 * The files that are generated, in whole or in part, as they have to be.
 * @param read the text of a file of the repository as it is
 */
export function generatedDocuments(openapi: OpenApi, read: (path: string) => string): Map<string, string> {
  const httpApi = fill(read('docs/http-api.md'), 'routes', routesTable(openapi))
  const promises = fill(read('docs/promises.md'), 'faults', faultsTable(read('docs/results/faults.ndjson')))
  const results = {
    bench: benchSummary(read('docs/results/bench.json')),
    profile: profileSummary(read('docs/results/profile.json')),
    log: benchSummary(read('docs/results/bench-log.json')),
    cluster: benchSummary(read('docs/results/bench-cluster.json'))
  }
  const performance = fillAll(read('docs/performance.md'), results)
  const scale = read('docs/results/scale.json')
  const sizing = fillAll(read('docs/sizing.md'), {
    size: sizeExample(scale),
    costs: costsTable(scale),
    scale: scaleTable(scale),
    entries: entriesTable(scale)
  })
  return new Map([
    ['.env.example', envExample()],
    ['docs/performance.md', performance],
    ['docs/sizing.md', sizing],
    ['docs/promises.md', fill(promises, 'soak', soakSummary(read('docs/results/soak.json')))],
    ['docs/configuration.md', fill(read('docs/configuration.md'), 'settings', configurationTable())],
    ['docs/http-api.md', fill(httpApi, 'problem codes', problemsTable())]
  ])
}
