// What pages have to load, as the build makes it. npm run build prints the same.
import t from 'tap'
import { bundleClient, clientLimit } from '../../scripts/client-bundle.ts'

t.test('the SDK is smaller than 4 kB, and imports nothing', async (t) => {
  const { code, gzipped } = await bundleClient()
  t.comment(`${String(code.length)} bytes minified, ${String(gzipped)} gzipped`)
  t.ok(gzipped > 1000)
  t.ok(gzipped < clientLimit, `${String(gzipped)} bytes`)
  t.notMatch(Buffer.from(code).toString(), /\bimport\b|\brequire\(/)
})

t.test('it takes nothing from the clock of the system, and locks nothing', async (t) => {
  const text = Buffer.from((await bundleClient()).code).toString()
  t.notMatch(text, /\bDate\b|navigator\.locks|sessionStorage|document\.cookie|\bconsole\b|\beval\b/)
  t.match(text, /localStorage/, 'where the Idempotency-Key is')
})
