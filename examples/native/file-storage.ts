// Keeps the session of a command line tool in a file that only its user may read.
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { NativeStorage } from 'latchkey/client/native'

export function fileStorage(path: string): NativeStorage {
  return {
    async get() {
      try {
        return await readFile(path, 'utf8')
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
        throw error
      }
    },

    // Written beside it and put in its place by one rename, so that nobody ever finds half of it; and flushed,
    // so that it is there after a power cut too.
    async set(text) {
      const temporary = `${path}.new`
      const file = await open(temporary, 'w', 0o600)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
      const folder = await open(dirname(path), 'r')
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    }
  }
}
