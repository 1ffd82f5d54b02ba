import type { Figures } from './figures.ts'
import { describeRun, write, writeAnswers, type Report } from './report.ts'

const columns = [
  { title: 'requests/s: more is better', unit: '', figure: 'requests_per_second' },
  { title: 'p99: less is better', unit: ' ms', figure: 'p99_ms' },
  { title: 'CPU time of a request: less is better', unit: ' µs', figure: 'cpu_us_per_request' }
] as const

const width = 960
const margin = 24
const firstColumn = 150
const columnWidth = (width - firstColumn - margin) / columns.length
const barWidth = 120
const barHeight = 14
const rowHeight = 48
const top = 118

// Both are legible on either ground, whichever the reader's browser is set to.
const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .ground { fill: #fff } .title { font-size: 17px; font-weight: 600 } .name { font-weight: 600 }
  .quiet { fill: #57606a } .line { stroke: #d0d7de } .latchkey { fill: #2f6fde } .other { fill: #9aa4b0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ground { fill: #0d1117 } .quiet { fill: #9198a1 } .line { stroke: #30363d }
    .latchkey { fill: #5b9bff } .other { fill: #6e7681 }
  }`

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const text = (x: number, y: number, content: string, className = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${className}">${escape(content)}</text>`
const bar = (x: number, y: number, wide: number, className: string) =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${Math.max(1, wide).toFixed(1)}" height="${String(barHeight)}" rx="2" class="${className}"/>`

const columnAt = (index: number) => firstColumn + margin + index * columnWidth

interface Row {
  name: string
  latchkey: Figures
  other: Figures
  shown: readonly (typeof columns)[number][]
  note: string
  /** In place of the last column. */
  aside?: string[]
}

function rowsOf({ scenarios, loginFlood }: Report): Row[] {
  const rows: Row[] = Object.entries(scenarios).map(([name, { latchkey, floor, argon2 }]) => ({
    ...{ name, latchkey, other: floor, shown: columns },
    note: argon2 ? `${write(argon2.ratio)} of argon2's limit` : ''
  }))
  if (loginFlood) {
    const { idle, flood, logins, rss_growth_mb } = loginFlood
    const shown = columns.filter(({ figure }) => figure !== 'cpu_us_per_request')
    rows.push({
      ...{ name: 'login-flood', latchkey: flood, other: idle, shown, note: 'refreshes; grey: idle' },
      aside: [`logins: ${writeAnswers(logins)}`, `RSS grew by ${write(rss_growth_mb)} MB`]
    })
  }
  return rows
}

/** Latchkey's figures and the floor's as an SVG, a pair of bars each, as long as the larger of the two allows. */
export function draw(report: Report): string {
  const rows = rowsOf(report)
  const height = top + rows.length * rowHeight + 12
  const parts: string[] = []

  for (const [index, { name, latchkey, other, shown, note, aside = [] }] of rows.entries()) {
    const y = top + index * rowHeight
    parts.push(
      `<line x1="${String(margin)}" x2="${String(width - margin)}" y1="${String(y - 8)}" y2="${String(y - 8)}" class="line"/>`,
      text(margin, y + 12, name, 'name'),
      text(margin, y + 28, note, 'quiet'),
      ...aside.map((line, index) => text(columnAt(columns.length - 1), y + 12 + index * 16, line, 'quiet'))
    )
    for (const column of shown) {
      const x = columnAt(columns.indexOf(column))
      const [ours, theirs] = [latchkey[column.figure], other[column.figure]]
      const scale = barWidth / Math.max(ours, theirs)
      const ratio = write(ours / theirs)
      parts.push(
        bar(x, y, ours * scale, 'latchkey'),
        text(x + ours * scale + 6, y + 11, `${write(ours)}${column.unit} (${ratio} ×)`),
        bar(x, y + barHeight + 3, theirs * scale, 'other'),
        text(x + theirs * scale + 6, y + barHeight + 14, `${write(theirs)}${column.unit}`, 'quiet')
      )
    }
  }
  const [machine = '', ...rest] = describeRun(report).split('; ')
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${String(width)}" height="${String(height)}" viewBox="0 0 ${String(width)} ${String(height)}">`,
    `<style>${style}\n</style>`,
    `<rect width="100%" height="100%" rx="6" class="ground"/>`,
    text(margin, 34, 'Latchkey beside the least that a server could do', 'title'),
    text(margin, 55, machine, 'quiet'),
    text(margin, 72, rest.join('; '), 'quiet'),
    bar(width - 190, 24, barHeight, 'latchkey'),
    text(width - 170, 35, 'Latchkey'),
    bar(width - 100, 24, barHeight, 'other'),
    text(width - 80, 35, 'floor'),
    ...columns.map(({ title }, index) => text(columnAt(index), top - 16, title, 'quiet')),
    ...parts,
    '</svg>',
    ''
  ].join('\n')
}
