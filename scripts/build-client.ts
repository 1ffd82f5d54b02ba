// Writes dist/client/index.js and says how large it is; tsc writes the types beside it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { bundleClient, clientLimit } from './client-bundle.ts'

const { code, gzipped } = await bundleClient()
mkdirSync('dist/client', { recursive: true })
writeFileSync('dist/client/index.js', code)
process.stdout.write(
  `dist/client/index.js: ${String(code.length)} bytes, ${String(gzipped)} gzipped, of at most ${String(clientLimit)}\n`
)
if (gzipped > clientLimit) process.exitCode = 1
