import type { Command } from 'commander'
import { createReadStream, fstatSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { CommandError } from '../describe-error.ts'
import { linesOf } from '../import/lines.ts'
import { showImport } from '../import/progress.ts'
import { keepRejectedLines } from '../import/rejected-lines.ts'
import { withServer } from '../inside.ts'
import { show } from '../output.ts'

interface Options {
  json?: true
  rejected?: string
}

/** A file to read, or the standard input, and how many bytes it has, where that is known. */
function open(file: string): { input: AsyncIterable<Buffer>; size: number | undefined } {
  if (file === '-') return { input: process.stdin, size: undefined }
  try {
    const fd = openSync(file, 'r')
    const stat = fstatSync(fd)
    if (stat.isDirectory()) throw new CommandError(`${file} is a folder.`)
    return { input: createReadStream(file, { fd }), size: stat.isFile() ? stat.size : undefined }
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(
      `${file} can not be read: ${error instanceof Error ? error.message : String(error)}`
    )
  }
}

/** `latchkey users import` */
export function addImport(users: Command): void {
  users
    .command('import')
    .description('take over users with their password hashes: one JSON object a line')
    .argument('<file>', 'or - for the standard input')
    .option('--rejected <file>', 'where lines go that are no users; default: <file>.rejected.ndjson')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Fields: email, and password_hash, name, role, email_verified, disabled, id, created_at where there are any. Hashes of
bcrypt, argon2, scrypt and PBKDF2; each is replaced by one of argon2id as its user logs in. Users who are there already
are left as they are, so an import that was interrupted is just started again. The exit code is 1 if lines were
rejected.

Examples:
  $ latchkey users import users.ndjson
  $ gunzip -c users.ndjson.gz | latchkey users import - --rejected rejected.ndjson`
    )
    .action(async (file: string, { json, rejected: path }: Options) => {
      const rejectedFile = path ?? `${file === '-' ? 'users' : file}.rejected.ndjson`
      if (file !== '-' && resolve(rejectedFile) === resolve(file))
        throw new CommandError('The rejected lines can not go into the file that is read.')
      const { input, size } = open(file)
      const { importUsers } = await import('../import/import-users.ts')
      const rejected = keepRejectedLines(rejectedFile)
      const progress = showImport(process.stderr, size)
      const counts = await withServer(async (server) => {
        try {
          return await importUsers(server.users, linesOf(input), rejected, ({ lines }, { read }) => {
            progress.at(lines, read)
          })
        } finally {
          progress.end()
          rejected.close()
          // Postgres does it by itself as well, but later.
          await server.users.analyze().catch(() => undefined)
        }
      })
      const { lines, imported, already_there } = counts
      const answer = { lines, imported, already_there, rejected: rejected.count }
      const said = `Imported ${String(imported)}, already there ${String(already_there)}, rejected ${String(rejected.count)}.`
      if (rejected.count === 0) {
        show(json, answer, said)
        return
      }
      process.exitCode = 1
      show(
        json,
        { ...answer, rejected_file: rejectedFile },
        said,
        `${rejectedFile} has each rejected line as "text", with its number and the reasons. It may hold password hashes: delete it when it is done with.`,
        `To go on: mend what is in it, and import that: jq -r .text ${rejectedFile} > mended.ndjson`
      )
    })
}
