import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** Bytes that the browser SDK may have, minified and gzipped. */
export const clientLimit = 4096

/** The browser SDK in one file, as pages load it, and the bytes that it has when gzipped. */
export async function bundleClient(): Promise<{ code: Uint8Array; gzipped: number }> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../client/index.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    write: false
  })
  const code = outputFiles[0]?.contents ?? new Uint8Array()
  return { code, gzipped: gzipSync(code, { level: 9 }).length }
}
