// npm run docs:generate: writes what the documentation takes from the code. The routes come from the OpenAPI
// document of the real server, which runs for that moment on embedded stores.
import Fastify from 'fastify'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { latchkey, type ConfigurationInput } from '../app.ts'
import { startEmbeddedStores } from '../embedded/index.ts'
import { generatedDocuments, type OpenApi } from './documents.ts'

const root = new URL('..', import.meta.url)

async function readOpenApi(): Promise<OpenApi> {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-docs-'))
  const stores = await startEmbeddedStores({ dataDir, postgres: true, redis: true, redisKind: 'memory' })
  const configuration: ConfigurationInput = {
    DATABASE_URL: stores.databaseUrl,
    SECRET_KEY: 'only for the moment in which docs are made'
  }
  const fastify = Fastify()
  try {
    await fastify.register(latchkey, {
      ...configuration,
      ...(stores.redisClient ? { redisClient: stores.redisClient } : {})
    })
    const response = await fastify.inject({ url: '/docs/json' })
    return response.json<OpenApi>()
  } finally {
    await fastify.close()
    await stores.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

for (const [path, content] of generatedDocuments(await readOpenApi(), read)) {
  writeFileSync(new URL(path, root), content)
  process.stdout.write(`${path}\n`)
}
