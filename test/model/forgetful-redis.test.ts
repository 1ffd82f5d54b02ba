import t from 'tap'
import { draw } from './draw.ts'
import { holds } from './property.ts'
import { makeWorld } from './world.ts'

t.test('the invariants hold while Redis loses all it knows, or the last of it', async (t) => {
  await holds(t, await makeWorld(t), { commands: draw, runs: 150, lanes: 4 })
})
