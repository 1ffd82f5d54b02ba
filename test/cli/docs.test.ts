// The commands of the pages on keys, the command line and OAuth, as they stand there and in that order, on a
// server that really listens. Only the URL is another one.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pickFreePort } from '../../embedded/free-port.ts'
import { blocksOf, pagesOfCommands } from '../docs/pages.ts'
import { build } from '../helper.ts'
import { onStores } from '../server/process.ts'
import { runner, runToEnd } from './command.ts'

/** `latchkey`, to be found on the PATH. */
function installed(t: Test): string {
  const folder = t.testdir()
  const file = join(folder, 'latchkey')
  const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
  writeFileSync(file, `#!/bin/sh\nexec ${runner.map(quote).join(' ')} "$@"\n`)
  chmodSync(file, 0o755)
  return folder
}

async function runPage(t: Test, page: string) {
  const port = await pickFreePort()
  const PUBLIC_URL = `http://127.0.0.1:${String(port)}`
  const app = await build(t, { PUBLIC_URL })
  await app.listen({ host: '127.0.0.1', port })
  const blocks = blocksOf(page).filter(({ language }) => language === 'sh')
  const { code, stdout, stderr } = await runToEnd(['bash', '-euo', 'pipefail'], {
    folder: t.testdirName,
    env: { ...onStores(app.stores), PUBLIC_URL, PATH: `${installed(t)}:${String(process.env['PATH'])}` },
    input: blocks.map(({ code }) => code.replaceAll('http://localhost:3000', PUBLIC_URL)).join('\n')
  })
  t.equal(stderr, '', page)
  t.equal(code, 0, page)
  return stdout
}

/** What a page's commands say, in this order. */
const expected: Record<string, RegExp> = {
  'docs/keys.md':
    /^kid .*\n\S+ +active .*\nKey (\S+) is published\.\n.*\nRevoked \S+\.\nKey \1 signs now\.\n$/,
  'docs/cli.md':
    /^ok +configuration: (.|\n)*0 failed, \d to look at\.\nUp to date\.\nkid (.|\n)*Revoked (.|\n)*\nclient_secret +\S{43}\n(.|\n)*orders service(.|\n)*\nDeleted \S+\.\nMade ada@example\.com with the role admin: \S+\nada@example\.com has the role editor(.|\n)*no live session\.\nSessions ended: 0\.\nada@example\.com is disabled until 2099-12-31T00:00:00\.000Z(.|\n)*may log in again\.\nada@example\.com is deleted(.|\n)*\nImported 1, already there 0, rejected 0\.\ncreated_at +type (.|\n)* account_deleted +\S+ +command_line (.|\n)* role_changed +\S+ +command_line +\{"to":"editor","from":"admin"\} +-\n(.|\n)*All were delivered\.\n$/,
  'docs/oauth.md': /^\{"active":true,"token_use":"access_token",.*\}\n200\n\{"active":false\}\n$/
}

t.same(Object.keys(expected).sort(), [...pagesOfCommands].sort())
for (const page of pagesOfCommands) {
  t.test(page, async (t) => {
    t.match(await runPage(t, page), expected[page] ?? '')
  })
}
