// Who may import whom. A room that is not in the list, or a door that is not, fails.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

/** What a room may import: files by their path from the root, packages as `npm:name`. */
interface Doors {
  values: RegExp
  /** What may come by `import type` besides, which is gone once compiled. */
  types?: RegExp
}

const anything = /^(?!(test|bench|demo|examples)\/)/
const rooms: Record<string, Doors> = {
  schemas: { values: /^(schemas\/|npm:@sinclair\/typebox$)/ },
  // Pure functions: no Fastify, no input or output.
  lib: {
    values:
      /^(lib\/|(?!npm:(@?fastify|pg|ioredis|argon2)|node:(fs|tls|https?|dns|child_process))(npm|node):)/,
    types: /^schemas\//
  },
  // The package in the right build, which everything else takes from here.
  argon2: { values: /^(npm:argon2$|node:)/ },
  lua: { values: /^(lua\/|node:)/, types: /^npm:ioredis$/ },
  // Another plugin only through its decorator.
  plugins: { values: /^(lib\/|schemas\/|lua\/|argon2\/|npm:(?!argon2$)|node:)/, types: /^plugins\// },
  // Everything else through `fastify.*`.
  routes: {
    values: /^(schemas\/|lib\/|npm:@sinclair\/typebox$)/,
    types: /^npm:(fastify|@fastify\/type-provider-typebox)$/
  },
  embedded: { values: /^(embedded\/|npm:|node:)/ },
  client: { values: /^client\//, types: /^schemas\// },
  // The page, built on the SDK.
  demo: { values: /^(demo|client)\//, types: /^schemas\// },
  // As an app of somebody else: the package by its name.
  examples: { values: /^(examples\/|npm:|node:)/ },
  // For other services, which have no stores.
  verifier: {
    values: /^(verifier\/|lib\/|npm:(fastify-plugin|jose|lru-cache|eventsource-parser)(\/|$)|node:)/,
    types: /^(schemas\/|npm:fastify$)/
  },
  'app.ts': { values: /^(plugins\/|routes\/|schemas\/|lib\/|npm:|node:)/, types: /^lua\// },
  // Listening, signals, workers.
  process: { values: /^(process\/|app\.ts|embedded\/|lib\/|argon2\/|npm:|node:)/ },
  // What has to be known before it is known which of these to load.
  'server.ts': {
    values: /^(process\/|plugins\/configuration\.ts$|lib\/configuration-error\.ts$|node:)/
  },
  cli: {
    values: /^(cli\/|app\.ts|plugins\/|schemas\/|lib\/|embedded\/|argon2\/|npm:|node:)/,
    types: /^lua\//
  },
  scripts: { values: anything },
  bench: { values: /^(?!(test|demo)\/)/ },
  test: { values: /^(?!demo\/)/ }
}

const root = fileURLToPath(new URL('..', import.meta.url))
const notOurs = ['node_modules', 'dist', 'coverage']

function filesOf(room: string): string[] {
  if (room.endsWith('.ts')) return [room]
  return readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => posix.join(room, ...file.split(sep)))
}

function importsOf(file: string): { from: string; typeOnly: boolean }[] {
  const found: { from: string; typeOnly: boolean }[] = []
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return
    const { text } = specifier
    const isLocal = text.startsWith('.')
    const from = isLocal ? posix.join(posix.dirname(file), text) : text.replace(/^(?!node:)/, 'npm:')
    found.push({ from, typeOnly })
  }
  const visit = (node: ts.Node) => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true)
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest))
  return found
}

const here = readdirSync(root, { withFileTypes: true })
  .filter(({ name }) => !name.startsWith('.') && !notOurs.includes(name))
  .filter((entry) => entry.name.endsWith('.ts') || (entry.isDirectory() && filesOf(entry.name).length > 0))
  .map(({ name }) => name)

t.same(
  here.filter((room) => !(room in rooms)),
  [],
  'every room has its doors'
)

for (const room of here) {
  const { values, types } = rooms[room] ?? { values: anything }
  const broken = filesOf(room).flatMap((file) =>
    importsOf(file)
      .filter(({ from, typeOnly }) => !values.test(from) && !(typeOnly && types?.test(from)))
      .map(({ from }) => `${file} imports ${from}`)
  )
  t.same(broken, [], `${room} imports what it may`)
}

t.test('every package that the server imports is one of its dependencies, and the reverse', async (t) => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const served = here
    .filter((room) => !['demo', 'examples', 'scripts', 'bench', 'test'].includes(room))
    .flatMap(filesOf)
  const imported = served
    .flatMap(importsOf)
    .flatMap(({ from }) => /^npm:((@[^/]+\/)?[^/]+)/.exec(from)?.[1] ?? [])
  t.same([...new Set(imported)].sort(), Object.keys(dependencies).sort())
})
