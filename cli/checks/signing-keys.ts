import type { ConfigurationInput } from '../../app.ts'
import { withRecordsOf } from '../inside.ts'
import { failed, ok, warning, type Check } from './check.ts'

/** Whether what signs, now or soon, can be read. Needs the tables to be up to date. */
export async function checkSigningKeys(input: ConfigurationInput): Promise<Check> {
  const name = 'signing keys'
  return withRecordsOf(input, async ({ signingKeyRecords: records }) => {
    const { keys } = await records.live()
    if (keys.length === 0)
      return warning(name, 'there is none yet', 'Start the server: it makes the first one')
    const signing = keys.filter(({ state }) => state === 'active' || state === 'published')
    const readable = await Promise.all(
      signing.map((key) =>
        records.readPrivateJwk(key).then(
          () => true,
          () => false
        )
      )
    )
    const unreadable = signing.filter((_, index) => !readable[index]).map(({ kid }) => kid)
    if (unreadable.length > 0) {
      return failed(
        name,
        `not readable with this SECRET_KEY: ${unreadable.join(', ')}`,
        'Add the SECRET_KEY that they were made with to the list (SECRET_KEY=new,old). If it is lost: latchkey keys revoke --all'
      )
    }
    return ok(name, keys.map(({ kid, state }) => `${kid.slice(0, 8)}… ${state}`).join(', '))
  })
}
