// What tsc leaves behind: the Lua scripts and the SQL migrations, which the code reads beside itself.
import { chmodSync, cpSync } from 'node:fs'

for (const folder of ['lua', 'migrations']) {
  cpSync(folder, `dist/${folder}`, { recursive: true, filter: (path) => !path.endsWith('.ts') })
}
chmodSync('dist/cli/index.js', 0o755)
