// Lets the examples import `latchkey` as an app does that has installed it: from the sources, with nothing built.
import { readFileSync } from 'node:fs'
import { register } from 'node:module'
import { root } from '../server/process.ts'

const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  exports: Record<string, { default: string } | string>
}

/** Every name of the package: `latchkey/client` → its source */
export const sources = Object.fromEntries(
  Object.entries(exports).flatMap(([name, target]) => {
    if (typeof target === 'string') return []
    const source = target.default.replace(/^\.\/dist\/(.*)\.js$/, `${root}$1.ts`)
    return [[`latchkey${name.slice(1)}`, source]]
  })
)

const hook = `
const sources = new Map(${JSON.stringify(Object.entries(sources).map(([name, path]) => [name, `file://${path}`]))})
export const resolve = (specifier, context, next) => next(sources.get(specifier) ?? specifier, context)`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
