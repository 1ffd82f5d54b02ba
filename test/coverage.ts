import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const rooms = [
  'app.ts',
  'server.ts',
  'argon2',
  'cli',
  'client',
  'embedded',
  'lib',
  'lua',
  'plugins',
  'process',
  'routes',
  'schemas',
  'verifier'
]

/** Percent of the lines. */
const floor = 95

interface Lines {
  total: number
  covered: number
}

/**
 * Whether a whole run of the suite covered enough of our own code, by the summary that c8 leaves. Files that
 * no test has loaded are not in it; here they count as what they are.
 */
export function checkCoverage(): { enough: boolean; report: string } {
  const file = join(root, 'coverage/coverage-summary.json')
  const summary = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { lines: Lines }>
  const files = rooms
    .flatMap(filesOf)
    .map((name) => ({ name, lines: summary[join(root, name)]?.lines ?? unseen(name) }))

  const sum = (which: keyof Lines) => files.reduce((all, { lines }) => all + lines[which], 0)
  const percent = percentOf({ total: sum('total'), covered: sum('covered') })
  const least = files
    .filter(({ lines }) => percentOf(lines) < floor)
    .sort((one, other) => percentOf(one.lines) - percentOf(other.lines))
    .map(({ name, lines }) => `  ${percentOf(lines).toFixed(1).padStart(5)} %  ${name}`)
  const headline = `Coverage: ${percent.toFixed(1)} % of the lines, of which at least ${String(floor)} % have to be`
  return {
    enough: percent >= floor,
    report: [headline, ...(least.length > 0 ? ['Files with less:', ...least] : [])].join('\n')
  }
}

const percentOf = ({ total, covered }: Lines) => (total === 0 ? 100 : (covered / total) * 100)

function filesOf(room: string): string[] {
  if (room.endsWith('.ts')) return [room]
  return readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(room, file))
}

/** A file that was never loaded: nothing of it is covered, unless there is nothing but types in it. */
function unseen(name: string): Lines {
  const source = readFileSync(join(root, name), 'utf8')
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }
  const { outputText } = ts.transpileModule(source, { compilerOptions })
  const empty = outputText.replace(/\/\*[^]*?\*\/|\/\/.*/g, '').trim() === 'export {};'
  return { total: empty ? 0 : source.split('\n').length, covered: 0 }
}
