// What the documentation takes from the code is what the code says; npm run docs:generate writes it.
import { parseEnv } from 'node:util'
import t from 'tap'
import { readConfiguration } from '../../app.ts'
import { generatedDocuments, type OpenApi } from '../../scripts/documents.ts'
import { build } from '../helper.ts'
import { read } from './pages.ts'

t.test('the generated parts are up to date', async (t) => {
  const app = await build(t)
  const openapi = (await app.inject({ url: '/docs/json' })).json<OpenApi>()
  for (const [path, content] of generatedDocuments(openapi, read)) t.equal(read(path), content, path)
})

t.test('.env.example, uncommented, changes nothing', async (t) => {
  const settings = parseEnv(read('.env.example').replaceAll(/^#(?=[A-Z_]+=)/gm, ''))
  t.same(readConfiguration(settings), readConfiguration({}))
  t.ok('REFRESH_OVERLAP' in settings)
})
