import { readFile } from 'node:fs/promises'
import t from 'tap'
import { build, refresh, signUp } from '../helper.ts'

t.test('every metric that the dashboard shows is one that the server publishes', async (t) => {
  const app = await build(t)
  const { refresh_token } = await signUp(app)
  await refresh(app, refresh_token)
  const { body } = await app.inject({ url: '/metrics' })
  const published = new Set(Array.from(body.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '']) => name))

  const dashboard = JSON.parse(
    await readFile(new URL('../../docs/grafana-dashboard.json', import.meta.url), 'utf8')
  ) as { panels: { title: string; targets: { expr: string }[] }[] }
  const shown = dashboard.panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/\b(latchkey|nodejs|process)_\w+/g) ?? [])
  )
  t.ok(shown.length > 12)
  for (const name of new Set(shown)) {
    t.ok(published.has(name.replace(/_(bucket|count|sum)$/, '')), `${name} is published`)
  }
  for (const name of published) {
    if (!name.startsWith('latchkey_')) continue
    const somewhere = shown.some((one) => one.startsWith(name)) || name === 'latchkey_redis_follow_ups'
    t.ok(somewhere || /dropped|remembered/.test(name), `${name} is shown`)
  }
})
