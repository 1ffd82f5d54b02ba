import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type typescript from 'typescript'

export const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, '.compiled')

/** What processes of tests load, and what the code reads beside itself. */
const rooms = [
  'app.ts',
  'server.ts',
  'argon2',
  'cli',
  'embedded',
  'lib',
  'lua',
  'plugins',
  'process',
  'routes',
  'schemas',
  'test/compiled.ts',
  'test/embedded'
]
const assets = { mail: 'mail', confirm: 'confirm', migrations: 'migrations', demo: 'dist/demo' }

/**
 * Compiles what has changed since the last time into a folder that git ignores, one file by one, types unchecked:
 * most of the time of a short process goes by if it has to compile first what it runs.
 */
export function compile(): void {
  for (const file of rooms.flatMap(filesOf)) {
    const { mtime } = statSync(join(root, file))
    const compiled = join(folder, nameOf(file))
    if (statSync(compiled, { throwIfNoEntry: false })?.mtimeMs === mtime.getTime()) continue
    mkdirSync(dirname(compiled), { recursive: true })
    // Whole at once, as another test may load it or do the same.
    const draft = `${compiled}.${String(process.pid)}`
    if (file.endsWith('.ts')) writeFileSync(draft, transpile(join(root, file)))
    else copyFileSync(join(root, file), draft)
    utimesSync(draft, mtime, mtime)
    renameSync(draft, compiled)
  }
  for (const [name, asset] of Object.entries(assets)) link(join(root, asset), join(folder, name))
}

let fresh = false

/** The file that Node runs for one of ours, such as `cli/index.ts`. */
export function compiled(file: string): string {
  if (!fresh) compile()
  fresh = true
  return join(folder, nameOf(file))
}

const nameOf = (file: string) => file.replace(/\.ts$/, '.js')

function filesOf(room: string): string[] {
  if (room.endsWith('.ts')) return [room]
  return readdirSync(join(root, room), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath.slice(root.length), entry.name))
}

/** With a map to the source, by which coverage is counted. */
function transpile(fileName: string): string {
  // Loaded when there is something to compile.
  const ts = createRequire(import.meta.url)('typescript') as typeof typescript
  const { outputText, sourceMapText = '{}' } = ts.transpileModule(readFileSync(fileName, 'utf8'), {
    fileName,
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
      sourceMap: true
    }
  })
  const map = Buffer.from(JSON.stringify({ ...JSON.parse(sourceMapText), sources: [fileName] }))
  const url = `data:application/json;base64,${map.toString('base64')}`
  return outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, `//# sourceMappingURL=${url}\n`)
}

function link(target: string, path: string): void {
  try {
    symlinkSync(target, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
