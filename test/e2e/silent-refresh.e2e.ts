import t from 'tap'
import { until } from '../stores/until.ts'
import { launch, Profile } from './browser.ts'
import { startSite } from './site.ts'

const browser = await launch(t)

t.test('a page stays signed in with an access token of 5 seconds', async (t) => {
  const site = await startSite(t, { ACCESS_TOKEN_TTL: 5 })
  const profile = await Profile.make(browser, site)
  const { tab, session_id } = await profile.signUp()
  await until('three refreshes', async () => (await tab.count('refreshed')) >= 3, { within: 30_000 })
  t.equal(await tab.api(), 200)
  t.same(await tab.changes(), ['signed_out', 'signed_in', 'refreshed', 'refreshed', 'refreshed'])
  t.equal(await site.head(session_id), 4)
})
