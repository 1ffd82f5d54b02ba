type Row = Record<string, string | number | boolean | null>

const write = (text: string) => void process.stdout.write(`${text}\n`)

/** An answer: JSON on one line for scripts, or lines for people. */
export function show(asJson: boolean | undefined, value: unknown, ...lines: string[]): void {
  write(asJson ? JSON.stringify(value) : lines.join('\n'))
}

/** Rows in columns, under the names of their fields. */
export function table(rows: Row[], none: string): string {
  const [first] = rows
  if (!first) return none
  const lines = [
    Object.keys(first),
    ...rows.map((row) => Object.values(row).map((cell) => String(cell ?? '-')))
  ]
  const widths = Object.keys(first).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  )
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    )
    .join('\n')
}

/** RFC 3339, UTC, to the second. */
export const time = (ms: number | Date | null) =>
  ms === null ? null : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
