import { clearLine, cursorTo } from 'node:readline'

export interface ImportProgress {
  /** @param read bytes */
  at(lines: number, read: number): void
  end(): void
}

/** Lines from one report to the next, where it is no terminal. */
const step = 10_000

/**
 * One line that changes, on a terminal; else a line every so often.
 * @param size bytes of all, where they are known
 */
export function showImport(stream: NodeJS.WriteStream, size: number | undefined): ImportProgress {
  const began = performance.now()
  let reported = 0
  return {
    at(lines, read) {
      if (!stream.isTTY && lines < reported + step) return
      reported = lines
      const rate = Math.round(lines / ((performance.now() - began) / 1000))
      const part = size === undefined ? '' : `${String(Math.floor((100 * read) / size))} %, `
      const report = `${part}${lines.toLocaleString('en')} lines, ${rate.toLocaleString('en')} lines/s`
      if (!stream.isTTY) stream.write(`${report}\n`)
      else {
        clearLine(stream, 0)
        cursorTo(stream, 0)
        stream.write(report)
      }
    },
    end() {
      if (!stream.isTTY) return
      clearLine(stream, 0)
      cursorTo(stream, 0)
    }
  }
}
