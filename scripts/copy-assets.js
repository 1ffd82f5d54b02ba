// What tsc leaves behind: Lua scripts, SQL migrations, mail templates and a page, which the code reads beside itself.
import { chmodSync, cpSync } from 'node:fs'

for (const folder of ['lua', 'migrations', 'mail', 'confirm']) {
  cpSync(folder, `dist/${folder}`, { recursive: true, filter: (path) => !path.endsWith('.ts') })
}
chmodSync('dist/cli/index.js', 0o755)
