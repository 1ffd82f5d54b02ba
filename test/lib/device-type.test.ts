import t from 'tap'
import { deviceType } from '../../lib/device-type.ts'

const iPhone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1'
const iPad =
  'Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1.15 Version/16.0 Mobile/15E148 Safari/604.1'
const android =
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36'
const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36'
const linux = 'Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0'

t.test('what a User-Agent claims to be', async (t) => {
  t.equal(deviceType(iPhone), 'phone')
  t.equal(deviceType(android), 'phone')
  t.equal(deviceType(iPad), 'tablet')
  t.equal(deviceType(windows), 'desktop')
  t.equal(deviceType(linux), 'desktop')
})

t.test('what claims nothing that we know is of no type', async (t) => {
  for (const userAgent of [null, '', 'curl/8.0', 'constructor', '__proto__', '\u00ff', 'x'.repeat(500)]) {
    t.equal(deviceType(userAgent), 'unknown', String(userAgent).slice(0, 20))
  }
})
