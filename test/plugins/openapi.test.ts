import t from 'tap'
import { build } from '../helper.ts'
import { problems } from '../../lib/problem.ts'

interface Operation {
  summary?: string
  tags?: string[]
  security?: Record<string, string[]>[]
  requestBody?: { content: Record<string, { schema: { additionalProperties?: boolean } }> }
  responses: Record<string, { content?: Record<string, { schema: { required?: string[] } }> }>
}

interface OpenApi {
  openapi: string
  info: { description: string }
  servers: { url: string }[]
  components: { securitySchemes: Record<string, unknown> }
  paths: Record<string, Record<string, Operation>>
}

/** The contract: every route with its success. `!` is one that a token, or a client, opens. */
const contract = {
  'post /auth/signup': 201,
  'post /auth/login': 200,
  'post /auth/refresh': 200,
  'post /auth/renew !': 200,
  'get /auth/verify !': 204,
  'post /auth/logout': 204,
  'post /auth/logout/all !': 204,
  'get /auth/me !': 200,
  'patch /auth/me !': 200,
  'get /auth/sessions !': 200,
  'delete /auth/sessions !': 204,
  'patch /auth/sessions/{id} !': 200,
  'delete /auth/sessions/{id} !': 204,
  'get /auth/me/export !': 200,
  'get /admin/users !': 200,
  'get /admin/users/{id} !': 200,
  'patch /admin/users/{id} !': 200,
  'delete /admin/users/{id} !': 204,
  'get /admin/users/{id}/export !': 200,
  'get /admin/users/{id}/sessions !': 200,
  'delete /admin/users/{id}/sessions !': 204,
  'delete /admin/users/{id}/sessions/{session_id} !': 204,
  'get /admin/events !': 200,
  'post /oauth/token': 200,
  'post /oauth/introspect !': 200,
  'post /oauth/revoke': 200,
  'get /.well-known/oauth-authorization-server': 200,
  'get /.well-known/jwks.json': 200,
  'get /revocations': 200,
  'get /revocations/stream': 200,
  'get /health/live': 200,
  'get /health/ready': 200
}

const app = await build(t, { PUBLIC_URL: 'https://id.example.com' })
const document = (await app.inject('/docs/json')).json<OpenApi>()
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation }))
)

t.test('the document is OpenAPI 3.1, at the public URL', async (t) => {
  t.match(document, { openapi: /^3\.1\./, servers: [{ url: 'https://id.example.com' }] })
  t.match(document.components.securitySchemes, {
    accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    client: { type: 'http', scheme: 'basic' }
  })
})

t.test('every route of the contract is there, with its success and its guard', async (t) => {
  const described = Object.fromEntries(
    operations.map(({ name, operation }) => [
      operation.security ? `${name} !` : name,
      Number(Object.keys(operation.responses).find((status) => status.startsWith('2')))
    ])
  )
  for (const [name, status] of Object.entries(contract)) t.equal(described[name], status, name)
})

t.test('what is said of a guard is so', async (t) => {
  for (const { name, operation } of operations) {
    const [method = '', path = ''] = name.split(' ')
    // Its answer has no end.
    if (path === '/revocations/stream') continue
    const url = path.replaceAll(/\{(session_)?id\}/g, '01890000-0000-7000-8000-000000000000')
    const { statusCode, headers } = await app.inject({ method: method.toUpperCase() as 'GET', url })
    const guarded = statusCode === 401 && headers['www-authenticate'] !== undefined
    t.equal(guarded, operation.security !== undefined, name)
  }
})

t.test('every route under /auth says that its refusals are problem documents', async (t) => {
  for (const { name, operation } of operations.filter(({ name }) => name.includes('/auth/'))) {
    for (const status of ['4XX', '5XX']) {
      const content = operation.responses[status]?.content ?? {}
      t.same(Object.keys(content), ['application/problem+json'], `${name} ${status}`)
      t.match(content['application/problem+json']?.schema.required, [
        ...['type', 'title', 'status', 'detail', 'code', 'action']
      ])
    }
  }
})

t.test('what OAuth clients send is a form, open to parameters that we do not know', async (t) => {
  for (const { name, operation } of operations.filter(({ name }) => name.startsWith('post /oauth/'))) {
    const content = operation.requestBody?.content ?? {}
    t.same(Object.keys(content), ['application/x-www-form-urlencoded'], name)
    for (const { schema } of Object.values(content))
      t.not(schema.additionalProperties, false, 'RFC 6749 §3.2')
  }
})

t.test('every other body is closed, and a form is one way to log in', async (t) => {
  for (const { name, operation } of operations.filter(({ name }) => !name.startsWith('post /oauth/'))) {
    const content = operation.requestBody?.content ?? {}
    const types = Object.keys(content)
    if (types.length === 0) continue
    const form = name === 'post /auth/login' ? ['application/x-www-form-urlencoded'] : []
    t.same(types, ['application/json', ...form], name)
    for (const { schema } of Object.values(content)) t.equal(schema.additionalProperties, false, name)
  }
})

t.test('the registry of problems is in it, code by code, as it is answered', async (t) => {
  const rows = [...document.info.description.matchAll(/`(\w+)` \| (\d+) \| (\w+) \| (.+) \|/g)]
  t.same(
    rows.map(([, code, status, action, title]) => [code, { status: Number(status), title, action }]),
    Object.entries(problems)
  )
  for (const code of Object.keys(problems)) {
    t.match(document.info.description, `<a id="${code}">`, 'where `type` points to')
  }
})

t.test('the pages of /docs are there, and run nothing of anybody else', async (t) => {
  for (const path of ['/docs', '/docs/static/swagger-ui-bundle.js', '/docs/static/swagger-ui.css']) {
    const response = await app.inject(path)
    t.equal(response.statusCode, 200, path)
    t.match(response.headers['content-security-policy'], /default-src 'self';.*script-src 'self' ;/)
  }
})
