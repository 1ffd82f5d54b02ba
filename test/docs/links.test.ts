// Every link between our pages leads somewhere.
import { existsSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'
import { pages, read, root } from './pages.ts'

const withoutCode = (text: string) => text.replace(/^```.*?^```$/gms, '')

/** The anchors that the headings of a page make. */
const anchorsOf = (page: string) =>
  [...withoutCode(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
  )

for (const page of pages) {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  const broken = links
    .filter((link) => !/^https?:/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : posix.join(posix.dirname(page), path)
      if (!existsSync(root + target)) return true
      return (
        anchor !== undefined && (statSync(root + target).isDirectory() || !anchorsOf(target).includes(anchor))
      )
    })
  t.same(broken, [], page)
}

t.test('files that are named in the decisions and in the RFC map exist', async (t) => {
  const named = pages
    .filter((page) => page.startsWith('docs/adr/0') || page === 'docs/rfc-map.md')
    .flatMap((page) => [...read(page).matchAll(/`([\w./-]+\/[\w.-]+\.(?:ts|lua|sql|json))`/g)])
    .map(([, path = '']) => path)
  t.same(
    named.filter((path) => !existsSync(root + path)),
    []
  )
})

t.test('every dependency is explained, and no other', async (t) => {
  const { dependencies, optionalDependencies, devDependencies, overrides } = JSON.parse(
    read('package.json')
  ) as Record<string, Record<string, unknown>>
  const firstCells = [...read('docs/dependencies.md').matchAll(/^\| ([^|]+) \|/gm)].map(
    ([, cell = '']) => cell
  )
  const explained = firstCells.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
  )
  const names = { ...dependencies, ...optionalDependencies, ...devDependencies, ...overrides }
  t.same([...new Set(explained)].sort(), Object.keys(names).sort())
})
