import { randomUUID } from 'node:crypto'
import t from 'tap'
import { build } from '../helper.ts'

t.test('of many heads at once, those are marked that are still the head', async (t) => {
  const app = await build(t)
  const { sessionWhitelist: whitelist } = app.scope
  const presented = {
    gen: 1,
    client: 'browser',
    device_id_hash: null,
    idempotency_key_hash: null,
    network: ''
  }
  // More than one call of the script takes.
  const sids = Array.from({ length: 250 }, () => randomUUID())
  for (const sid of sids) {
    await whitelist.create(sid, { client: 'browser', device_id_hash: null })
    // Twice: two answers are on their way.
    for (const verdict of ['rotated', 'replayed'])
      t.equal((await whitelist.rotate(sid, presented)).verdict, verdict)
  }
  const kinds = ['both answers', 'one of them', 'an earlier head', 'none'] as const
  const kindOf = (index: number) => kinds[index % kinds.length]
  const heads = sids.flatMap((sid, index) => {
    const kind = kindOf(index)
    if (kind === 'none') return []
    return [{ sid, gen: kind === 'an earlier head' ? 1 : 2, answers: kind === 'one of them' ? 1 : 2 }]
  })
  await whitelist.markAnswered([...heads, { sid: randomUUID(), gen: 1, answers: 1 }])

  const left = await Promise.all(sids.map((sid) => app.stores.redis.hget(app.stores.key(sid), 'unanswered')))
  const expected = { 'both answers': null, 'one of them': '1', 'an earlier head': '2', none: '2' }
  t.same(
    left,
    sids.map((_, index) => expected[kindOf(index) ?? 'none'])
  )
})
