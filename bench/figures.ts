import { createHistogram } from 'node:perf_hooks'
import { median } from './statistics.ts'
import { watchUsage } from './usage.ts'

/** What was seen of a server for a while. */
export interface Figures {
  requests: number
  requests_per_second: number
  p50_ms: number
  p99_ms: number
  max_ms: number
  /** Of the server. 100 is one core. */
  cpu_percent: number
  cpu_us_per_request: number
  first_rss_mb: number
  peak_rss_mb: number
  /** How often each was answered. */
  statuses: Record<string, number>
  /** Connections that broke, and requests that nobody answered in time. */
  errors: number
}

export interface Recorder {
  answered: (status: number, ms: number) => void
  end: (errors: number) => Promise<Figures>
}

/** Records from now until `end`. */
export async function record(pid: number): Promise<Recorder> {
  const latency = createHistogram()
  const statuses: Record<string, number> = {}
  const usage = await watchUsage(pid)
  const start = performance.now()
  return {
    answered(status, ms) {
      statuses[status] = (statuses[status] ?? 0) + 1
      latency.record(Math.max(1, Math.round(ms * 1000)))
    },
    async end(errors) {
      const seconds = (performance.now() - start) / 1000
      const { cpu, peakRss, firstRss } = await usage.stop()
      const requests = latency.count
      const ms = (us: number) => (requests > 0 ? us / 1000 : 0)
      return {
        requests,
        requests_per_second: requests / seconds,
        p50_ms: ms(latency.percentile(50)),
        p99_ms: ms(latency.percentile(99)),
        max_ms: ms(latency.max),
        cpu_percent: cpu / seconds / 10,
        cpu_us_per_request: requests > 0 ? (cpu * 1000) / requests : 0,
        first_rss_mb: firstRss,
        peak_rss_mb: peakRss,
        statuses,
        errors
      }
    }
  }
}

/** Rounds as one: medians, of what is a maximum the largest, of what is counted the sum. */
export function summarizeRounds(rounds: readonly Figures[]): Figures {
  const each = (name: Exclude<keyof Figures, 'statuses'>) => rounds.map((round) => round[name])
  const middle = (name: Parameters<typeof each>[0]) => median(each(name))
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  const statuses = Object.fromEntries(
    [...new Set(rounds.flatMap((round) => Object.keys(round.statuses)))].map((status) => [
      status,
      sum(rounds.map((round) => round.statuses[status] ?? 0))
    ])
  )
  return {
    requests: sum(each('requests')),
    requests_per_second: middle('requests_per_second'),
    p50_ms: middle('p50_ms'),
    p99_ms: middle('p99_ms'),
    max_ms: Math.max(...each('max_ms')),
    cpu_percent: middle('cpu_percent'),
    cpu_us_per_request: middle('cpu_us_per_request'),
    first_rss_mb: Math.min(...each('first_rss_mb')),
    peak_rss_mb: Math.max(...each('peak_rss_mb')),
    statuses,
    errors: sum(each('errors'))
  }
}

/** What of a sum of rounds should not have been. */
export function unexpected({ statuses, errors, requests }: Figures, expected: readonly number[]): string[] {
  const others = Object.entries(statuses).filter(([status]) => !expected.includes(Number(status)))
  return [
    ...others.map(([status, times]) => `${String(times)} requests were answered ${status}`),
    ...(errors > 0 ? [`${String(errors)} connections broke or waited too long`] : []),
    ...(requests === 0 ? ['nothing was answered'] : [])
  ]
}
