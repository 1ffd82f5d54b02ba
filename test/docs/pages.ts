import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export const read = (path: string) => readFileSync(root + path, 'utf8')

const markdownIn = (folder: string) =>
  readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)

/** Every page for people, by its path in the repository. */
export const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'client/README.md',
  'client/native/README.md',
  'verifier/README.md',
  ...markdownIn('docs')
]

/** Those whose every command is run, in order, by test/cli/docs.test.ts. */
export const pagesOfCommands = ['docs/cli.md', 'docs/keys.md', 'docs/oauth.md']

export interface Block {
  page: string
  language: string
  code: string
}

/** The fenced blocks of a page. */
export function blocksOf(page: string): Block[] {
  return [...read(page).matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
    page,
    language,
    code
  }))
}

export const commandBlocks = pages
  .flatMap(blocksOf)
  .filter(({ language }) => ['sh', 'bash', 'shell', 'console'].includes(language))
