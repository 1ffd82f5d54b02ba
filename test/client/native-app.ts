// An app that refreshes without a pause until it is killed. Run with: <url> <file that its session is in>
import { AuthError, createNativeAuthClient } from '../../client/native/index.ts'
import { fileStorage } from '../../examples/native/file-storage.ts'

const [, , baseUrl = '', path = ''] = process.argv
const client = createNativeAuthClient({ baseUrl, storage: fileStorage(path), deviceId: 'phone' })

process.stdout.write('started\n')
try {
  for (;;) {
    await client.refresh()
    process.stdout.write('refreshed\n')
  }
} catch (error) {
  process.stdout.write(`${error instanceof AuthError ? error.code : String(error)}\n`)
  process.exitCode = 1
}
