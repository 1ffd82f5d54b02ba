import t from 'tap'
import { build } from '../helper.ts'

t.test('nothing of the page is inline, from elsewhere, or sent on', async (t) => {
  const app = await build(t, { NODE_ENV: 'development' })
  const page = await app.inject({ url: '/auth/confirm' })
  t.match(page.headers['content-type'], 'text/html')
  t.notMatch(page.body, /<style|style=| on\w+=|https?:/)
  const linked = [...page.body.matchAll(/ (?:src|href)="([^"]+)"/g)].map(([, url = '']) => `/auth/${url}`)
  t.same(linked.sort(), ['/auth/confirm/page.js', '/auth/confirm/styles.css'])
  for (const url of ['/auth/confirm', ...linked]) {
    const { statusCode, headers } = await app.inject({ url })
    t.equal(statusCode, 200, url)
    t.match(headers['content-security-policy'], /^default-src 'none'; script-src 'self'; style-src 'self';/)
    t.notMatch(headers['content-security-policy'], /unsafe|https?:|\*/)
    t.match(headers, {
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
      'x-frame-options': 'DENY'
    })
  }
})
