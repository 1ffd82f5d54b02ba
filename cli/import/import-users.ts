import { v7 as uuidv7 } from 'uuid'
import type { ImportedRow, Users } from '../../plugins/users.ts'
import type { Line } from './lines.ts'
import { readUser, Rejection } from './read-user.ts'
import type { RejectedLines } from './rejected-lines.ts'

export interface ImportCounts {
  lines: number
  imported: number
  already_there: number
}

/** Users that one statement inserts. */
const batchSize = 500

/** A batch that is being filled, by what must be unique in it. */
class Batch {
  readonly rows: { row: ImportedRow; line: Line }[] = []
  readonly #taken = new Set<string>()

  /** @throws Rejection where one before it has the same email address or id */
  add(row: ImportedRow, line: Line): void {
    for (const name of ['email', 'id'] as const) {
      if (this.#taken.has(row[name])) throw new Rejection([`${name} is that of a line before`])
    }
    this.#taken.add(row.email).add(row.id)
    this.rows.push({ row, line })
  }
}

/**
 * Why a row was not inserted, or undefined where its user is there already.
 * @param there id of the user with its email address
 * @param first a UUIDv7 of when the import began
 */
function conflictOf({ id }: ImportedRow, there: string | undefined, first: string): string | undefined {
  // UUIDv7 grow with time (RFC 9562 §6.2): those since then were made by this import, the others given.
  const isMade = (id: string) => id.startsWith('7', 14) && id >= first
  if (there === undefined) return 'id is that of another user'
  if (there === id) return undefined
  if (!isMade(id)) return 'email is that of a user with another id'
  return isMade(there) ? 'email is that of a line before' : undefined
}

/**
 * Inserts users, whole batches at a time: what was inserted stays, however it ends, and is skipped the next time.
 * @param after called with the last line of each batch
 */
export async function importUsers(
  users: Users,
  lines: AsyncIterable<Line>,
  rejected: RejectedLines,
  after: (counts: ImportCounts, last: Line) => void
): Promise<ImportCounts> {
  const first = uuidv7()
  const counts = { lines: 0, imported: 0, already_there: 0 }
  let batch = new Batch()

  const insert = async () => {
    const { rows } = batch
    const last = rows.at(-1)
    batch = new Batch()
    if (!last) return
    const inserted = await users.insertAll(rows.map(({ row }) => row))
    counts.imported += inserted.size
    const others = rows.filter(({ row }) => !inserted.has(row.id))
    if (others.length > 0) {
      const known = await users.idsByEmail(others.map(({ row }) => row.email))
      for (const { row, line } of others) {
        const reason = conflictOf(row, known.get(row.email), first)
        if (reason === undefined) counts.already_there += 1
        else rejected.add(line, [reason])
      }
    }
    after(counts, last.line)
  }

  for await (const line of lines) {
    counts.lines += 1
    try {
      batch.add(readUser(line.text), line)
    } catch (error) {
      if (!(error instanceof Rejection)) throw error
      rejected.add(line, error.reasons)
    }
    if (batch.rows.length === batchSize) await insert()
  }
  await insert()
  return counts
}
