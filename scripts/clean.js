// So that nothing is packed whose source is gone.
import { rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
