import { openSync, rmSync, writeSync, closeSync } from 'node:fs'
import type { Line } from './lines.ts'

export interface RejectedLines {
  add(line: Line, reasons: string[]): void
  close(): void
  readonly count: number
}

/**
 * The lines that were rejected, in a file: JSON, one a line, with number, reasons and the line itself. It holds
 * hashes, so nobody else may read it. Without rejected lines there is no such file.
 */
export function keepRejectedLines(path: string): RejectedLines {
  // One of an earlier run, with whatever mode.
  rmSync(path, { force: true })
  let file: number | undefined
  let count = 0
  return {
    add({ number, text }, reasons) {
      file ??= openSync(path, 'wx', 0o600)
      writeSync(file, `${JSON.stringify({ line: number, reasons, text })}\n`)
      count += 1
    },
    close() {
      if (file !== undefined) closeSync(file)
    },
    get count() {
      return count
    }
  }
}
