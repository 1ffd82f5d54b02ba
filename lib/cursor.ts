import { Problem } from './problem.ts'

/**
 * Where a page of a list ends, as its reader gets it: opaque, to be given back as it is. Holds nothing that the page
 * does not.
 */
export const encodeCursor = (...parts: string[]): string => Buffer.from(parts.join(' ')).toString('base64url')

/**
 * @param shape what its parts have to look like, a group each
 * @throws Problem invalid_request where it is not one that this list has made
 */
export function decodeCursor(cursor: string, shape: RegExp): string[] {
  const parts = shape.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.slice(1)
  if (parts && encodeCursor(...parts) === cursor) return parts
  throw new Problem('invalid_request', 'Some fields are not valid; see "errors" for which and why.', {
    errors: [{ path: 'cursor', message: 'must be the "next_cursor" of an earlier page of this list' }]
  })
}

/** A page, of rows of which one more was asked for than it is to have. */
export function pageOf<Row>(rows: Row[], limit: number, cursorOf: (last: Row) => string) {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { page, next_cursor: last && rows.length > limit ? cursorOf(last) : null }
}
