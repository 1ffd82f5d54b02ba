import type { Incident, Second } from './timeline.ts'

export interface Drawn {
  date: string
  minutes: number
  seed: number
  commit: string
  machine: { cpu: string; cores: number; node: string }
  requests: number
  slowest_answer: number
  logged_out_by_accident: readonly string[]
  came_back: readonly string[]
  incidents: readonly Incident[]
  seconds: readonly Second[]
}

const kinds = [
  ['served', '#4c9f70', 'served'],
  ['refused', '#8d99ae', 'refused: a session that was ended'],
  ['put_off', '#f2b134', '503, try again'],
  ['unanswered', '#c8553d', 'no server there']
] as const

const subjects = { Redis: '#d62828', Postgres: '#33658a', server: '#5f4b8b' } as const

const width = 1200
const left = 60
const right = 20
const plot = { top: 96, height: 260 }
const slow = { top: 400, height: 90 }
const rowHeight = 16
const legendTop = 540

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const text = (x: number, y: number, content: string, more = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`

/** A step of 1, 2 or 5 times a power of ten, of which about four make the whole. */
function stepOf(whole: number): number {
  const power = 10 ** Math.floor(Math.log10(whole / 4))
  return ([1, 2, 5, 10].find((factor) => factor * power * 4 >= whole) ?? 10) * power
}

/** Answers over time as an SVG: how many of each kind a second, the slowest, and what was broken meanwhile. */
export function draw(run: Drawn): string {
  const { seconds, incidents } = run
  const inner = width - left - right
  const x = (second: number) => left + (second / seconds.length) * inner
  const most = Math.max(1, ...seconds.map((second) => kinds.reduce((sum, [kind]) => sum + second[kind], 0)))
  const slowest = Math.max(1, ...seconds.map((second) => second.slowest))
  const parts: string[] = []

  for (const [index, { subject, began, lasted }] of incidents.entries()) {
    const from = x(began / 1000)
    const wide = Math.max(2, x((began + lasted) / 1000) - from)
    const colour = subjects[subject]
    for (const { top, height } of [plot, slow])
      parts.push(
        `<rect x="${from.toFixed(1)}" y="${String(top)}" width="${wide.toFixed(1)}" height="${String(height)}" fill="${colour}" opacity="0.14"/>`
      )
    const row = plot.top - 6 - (index % 2) * 11
    parts.push(
      text(from + wide / 2, row, String(index + 1), `text-anchor="middle" font-size="9" fill="${colour}"`)
    )
  }

  for (let mark = 0; mark <= most; mark += stepOf(most)) {
    const y = plot.top + plot.height * (1 - mark / most)
    parts.push(
      `<line x1="${String(left)}" x2="${String(width - right)}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#ddd"/>`
    )
    parts.push(text(left - 6, y + 4, String(mark), 'text-anchor="end"'))
  }
  for (let mark = 0; mark <= slowest; mark += stepOf(slowest)) {
    const y = slow.top + slow.height * (1 - mark / slowest)
    parts.push(
      `<line x1="${String(left)}" x2="${String(width - right)}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#ddd"/>`
    )
    parts.push(text(left - 6, y + 4, String(mark), 'text-anchor="end"'))
  }
  for (let second = 0; second <= seconds.length; second += Math.max(10, stepOf(seconds.length / 2)))
    parts.push(text(x(second), slow.top + slow.height + 16, `${String(second)} s`, 'text-anchor="middle"'))

  const bar = inner / seconds.length
  for (const [index, second] of seconds.entries()) {
    let y = plot.top + plot.height
    for (const [kind, colour] of kinds) {
      const height = (second[kind] / most) * plot.height
      if (height === 0) continue
      y -= height
      parts.push(
        `<rect x="${x(index).toFixed(2)}" y="${y.toFixed(1)}" width="${(bar * 0.92).toFixed(2)}" height="${height.toFixed(1)}" fill="${colour}"/>`
      )
    }
  }
  const line = seconds.map(
    (second, index) =>
      `${x(index + 0.5).toFixed(1)},${(slow.top + slow.height * (1 - second.slowest / slowest)).toFixed(1)}`
  )
  parts.push(`<polyline points="${line.join(' ')}" fill="none" stroke="#333" stroke-width="1"/>`)

  const columns = 3
  const rows = Math.ceil(incidents.length / columns)
  for (const [index, { fault, subject, lasted, all_refreshed }] of incidents.entries()) {
    const column = Math.floor(index / rows)
    const content = `${String(index + 1)}  ${fault}, ${(lasted / 1000).toFixed(1)} s; all back after ${(all_refreshed / 1000).toFixed(1)} s`
    parts.push(
      text(
        left + column * (inner / columns),
        legendTop + (index % rows) * rowHeight,
        content,
        `font-size="10" fill="${subjects[subject]}"`
      )
    )
  }

  for (const [index, [, colour, label]] of kinds.entries()) {
    const at = left + index * 260
    parts.push(
      `<rect x="${String(at)}" y="50" width="11" height="11" fill="${colour}"/>`,
      text(at + 16, 60, label)
    )
  }
  const { machine } = run
  const title =
    `${String(run.requests)} requests in ${String(run.minutes)} min, ${String(incidents.length)} faults: ` +
    `${String(run.logged_out_by_accident.length)} logged out by accident, ${String(run.came_back.length)} came back`
  const subtitle = `${run.date.slice(0, 10)}, commit ${run.commit}, seed ${String(run.seed)}, Node ${machine.node}, ${String(machine.cores)} × ${machine.cpu}`
  const height = legendTop + rows * rowHeight + 10
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${String(width)}" height="${String(height)}" viewBox="0 0 ${String(width)} ${String(height)}" font-family="sans-serif" font-size="11" fill="#333">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(left, 22, title, 'font-size="16" font-weight="bold"'),
    text(left, 40, subtitle, 'fill="#777"'),
    ...parts,
    text(
      left,
      plot.top + plot.height + 16,
      'answers a second; shaded: a store or the server is broken, numbers see below',
      'fill="#777"'
    ),
    text(left, slow.top - 8, 'slowest answer of the second, ms', 'fill="#777"'),
    '</svg>',
    ''
  ].join('\n')
}
