import type { Answer, Tally } from '../faults/tally.ts'
import type { Subject } from './faults.ts'

/** What the answers of a second were. */
export interface Second {
  /** 2xx */
  served: number
  /** 503, try again */
  put_off: number
  /** 401 to who presents what a session held that was ended */
  refused: number
  /** No server there, or gone before it answered. */
  unanswered: number
  /** ms */
  slowest: number
}

/** One fault of a run. Times in ms since its start, durations in ms. */
export interface Incident {
  fault: string
  subject: Subject
  began: number
  lasted: number
  /** From its end until the first, and until every client that stays had refreshed. */
  first_refresh: number
  all_refreshed: number
}

export interface Timeline {
  readonly seconds: Second[]
  readonly incidents: Incident[]
  /** ms since the start */
  now(): number
}

/** Follows what a tally counts, second by second. */
export function watch(tally: Tally): Timeline {
  const began = performance.now()
  const seconds: Second[] = []
  const now = () => performance.now() - began
  const count = tally.count.bind(tally)
  tally.count = (asked, answer, took) => {
    count(asked, answer, took)
    const index = Math.floor(now() / 1000)
    while (seconds.length <= index)
      seconds.push({ served: 0, put_off: 0, refused: 0, unanswered: 0, slowest: 0 })
    const second = seconds[index]
    if (!second) return
    second[kindOf(answer)] += 1
    second.slowest = Math.max(second.slowest, Math.round(took))
  }
  return { seconds, incidents: [], now }
}

function kindOf(answer: Answer | undefined): Exclude<keyof Second, 'slowest'> {
  if (!answer) return 'unanswered'
  if (answer.status === 503) return 'put_off'
  return answer.status >= 400 ? 'refused' : 'served'
}
