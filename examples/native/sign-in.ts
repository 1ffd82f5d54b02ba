// A command line tool that stays signed in. Run it a second time, and it knows its user.
// Usage: sign-in.ts <URL of Latchkey> <email> <password>
import { AuthError, createNativeAuthClient } from 'latchkey/client/native'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileStorage } from './file-storage.ts'

const [, , baseUrl = '', email = '', password = ''] = process.argv
const client = createNativeAuthClient({
  baseUrl,
  storage: fileStorage(join(homedir(), '.latchkey-example')),
  deviceId: 'example',
  patience: 5
})

try {
  if (!(await client.user())) await client.login({ email, password })
  const response = await client.fetch(`${baseUrl}/auth/me`)
  process.stdout.write(`${await response.text()}\n`)
} catch (error) {
  if (!(error instanceof AuthError)) throw error
  // Only `reauthenticate` means that the session is over. What can be tried again has been tried for a while.
  const then = error.action === 'retry' ? ' You are still signed in: try again later.' : ''
  process.stderr.write(`${error.message}${then}\n`)
  process.exitCode = 1
}
