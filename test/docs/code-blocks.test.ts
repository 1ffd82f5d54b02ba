// The TypeScript of the documentation is compiled as a user of the package would, and the client is run.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { blocksOf, pages, root } from './pages.ts'

const blocks = pages.flatMap(blocksOf).filter(({ language }) => ['ts', 'typescript'].includes(language))

t.test('every TypeScript block compiles', async (t) => {
  const files = Object.fromEntries(
    blocks.map(
      ({ page, code }, index) => [`${String(index)}-${page.replaceAll(/\W/g, '-')}.ts`, code] as const
    )
  )
  const names = Object.keys(files)
  const folder = t.testdir(files)
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path)) as {
    config: object
  }
  const { options, errors } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: names },
    ts.sys,
    folder,
    {
      rootDir: root,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
      paths: {
        latchkey: [`${root}app.ts`],
        'latchkey/verifier': [`${root}verifier/index.ts`],
        'latchkey/client': [`${root}client/index.ts`],
        'latchkey/client/native': [`${root}client/native/index.ts`]
      }
    }
  )
  t.same(errors, [])
  const paths = names.map((name) => join(folder, name))
  const program = ts.createProgram(paths, options)
  t.ok(paths.length > 0)
  for (const path of paths) {
    const source = program.getSourceFile(path)
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    t.same(
      found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
      [],
      basename(path)
    )
  }
})

t.test('the client of How refresh works', async (t) => {
  const block = blocks.find(({ page }) => page === 'docs/how-refresh-works.md')
  const folder = t.testdir({ 'client.ts': block?.code ?? '' })
  const { refresh } = (await import(pathToFileURL(join(folder, 'client.ts')).href)) as {
    refresh: (url: string) => Promise<string | undefined>
  }

  // The browser, and a network that answers as told.
  const stored = new Map<string, string>()
  const localStorage = {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => stored.set(name, value),
    removeItem: (name: string) => stored.delete(name)
  }
  Object.defineProperty(globalThis, 'localStorage', { value: localStorage, configurable: true })
  t.teardown(() => Reflect.deleteProperty(globalThis, 'localStorage'))
  let answers: [status: number, body: string][] = []
  let keys: IncomingHttpHeaders[string][] = []
  const server = createServer((request, response) => {
    keys.push(request.headers['idempotency-key'])
    const [status, body] = answers.shift() ?? [500, '']
    if (status === 0) request.socket.destroy()
    else response.writeHead(status, { 'retry-after': '0' }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? String(address?.port) : ''}/auth/refresh`
  const attempt = async (given: typeof answers) => {
    answers = given
    keys = []
    return refresh(url)
  }

  const retry = JSON.stringify({ code: 'temporarily_unavailable', action: 'retry' })
  const over = JSON.stringify({ code: 'refresh_token_reused', action: 'reauthenticate' })
  const good = JSON.stringify({ access_token: 'new' })

  t.equal(
    await attempt([
      [503, retry],
      [502, '<html>'],
      [429, retry],
      [200, good]
    ]),
    'new',
    'it goes on'
  )
  t.equal(keys.length, 4)
  const [first] = keys
  t.same(new Set(keys), new Set([first]), 'with one key for the attempt')

  t.equal(await attempt([[401, over]]), undefined, 'until the session is over')
  t.not(keys[0], first, 'another attempt has another key')
  t.equal(stored.size, 0)

  const wrong = JSON.stringify({ code: 'cross_site_request', action: 'none' })
  await t.rejects(attempt([[403, wrong]]), /the request is wrong/)
})
