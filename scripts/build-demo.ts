// Writes dist/demo: the demo page as browsers are given it. Not minified, as it is there to be read.
import { build } from 'esbuild'
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

await build({
  absWorkingDir: root,
  entryPoints: ['demo/main.ts'],
  outfile: 'dist/demo/main.js',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  logLevel: 'warning'
})
for (const name of ['index.html', 'styles.css', 'icon.svg'])
  cpSync(`${root}demo/${name}`, `${root}dist/demo/${name}`)
