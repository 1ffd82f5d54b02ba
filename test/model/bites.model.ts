// The model is worth as much as it finds. Each rule of the script is broken once, on servers that are whole in
// everything else, and the model has to notice.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { draw } from './draw.ts'
import { finds } from './property.ts'
import { makeWorld } from './world.ts'

interface Break {
  rule: string
  from: string
  to: string
}

const breaks: Break[] = [
  {
    rule: 'the parent rule: a grandparent passes for a parent',
    from: 'if gen == head - 1 then',
    to: 'if gen >= head - 2 then'
  },
  {
    rule: 'the parent rule: a parent is never replayed',
    from: 'if gen == head - 1 then',
    to: 'if false then'
  },
  {
    rule: 'the overlap: it never ends',
    from: 'if now - rotated_at < overlap then',
    to: 'if true then'
  },
  {
    rule: 'the Idempotency-Key: it is forgotten',
    from: 'elseif known then',
    to: 'elseif false then'
  },
  {
    rule: 'the Idempotency-Keys of the other tabs are forgotten',
    from: "keys = keys .. ' ' .. idempotency_key_hash",
    to: ''
  },
  {
    rule: 'the roll-forward: a token newer than the head is a theft',
    from: 'local max_rotations',
    to: "if gen > head then write('ended', 'reused') return answer('reused') end local max_rotations"
  },
  {
    rule: 'the reuse verdict: an old token is a replay',
    from: "write('ended', 'reused')\n  return answer('reused')",
    to: "return answer('replayed', 'overlap')"
  },
  {
    rule: 'absolute expiry moves with every rotation',
    from: 'refresh_expires_at = math.min(now + tonumber(ARGV[6]), expires_at)',
    to: "refresh_expires_at = now + tonumber(ARGV[6]) expires_at = expires_at + 1 redis.call('HSET', KEYS[1], 'expires_at', expires_at)"
  }
]

const script = readFileSync(new URL('../../lua/rotate-session.lua', import.meta.url), 'utf8')

void t.test('every rule that is broken is found', async (t) => {
  const world = await makeWorld(t)
  for (const { rule, from, to } of breaks) {
    t.equal(script.split(from).length, 2, `the script has one place to break: ${from}`)
    for (const { scope } of world.nodes)
      scope.redisClient.defineCommand('rotateSession', { numberOfKeys: 1, lua: script.replace(from, to) })
    const found = await finds(world, { commands: draw, runs: 1000, lanes: 1 })
    t.type(found, 'string', rule)
    t.comment(`${rule}: ${String(found).split('\n')[0] ?? ''}`)
  }
})
