// With FAULT_RESULTS=file every fault also leaves a line of what was seen (JSON, one a line), from which the table
// of docs/promises.md is made: npm run faults:record
import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import type { Tally } from './tally.ts'

const { FAULT_RESULTS: file } = process.env

/** Notes what was seen under a fault, where somebody keeps the results. */
export function keepResult(fault: string, tally: Tally): void {
  if (!file) return
  const { requests, recovery, slowest, answers, loggedOutByAccident, cameBack } = tally
  const of = (pattern: RegExp) =>
    [...answers].reduce((sum, [kind, times]) => sum + (pattern.test(kind) ? times : 0), 0)
  const result = {
    fault,
    requests,
    served: of(/ 2\d\d$/),
    put_off: of(/ 503$/),
    refused: of(/ 401 /),
    unanswered: of(/ no answer$/),
    logged_out_by_accident: loggedOutByAccident.length,
    came_back: cameBack.length,
    slowest_answer_ms: Math.round(slowest),
    all_recovered_after_ms: recovery ? Math.round(recovery.all) : null,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: `${String(availableParallelism())} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`
  }
  appendFileSync(file, `${JSON.stringify(result)}\n`)
}
