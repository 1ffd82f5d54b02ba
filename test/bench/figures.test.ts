import t from 'tap'
import { summarizeRounds, unexpected, type Figures } from '../../bench/figures.ts'
import { median } from '../../bench/statistics.ts'

const figures: Figures = {
  ...{ requests: 10, requests_per_second: 5, p50_ms: 1, p99_ms: 2, max_ms: 3, errors: 0 },
  ...{ cpu_percent: 50, cpu_us_per_request: 100, first_rss_mb: 80, peak_rss_mb: 90, statuses: { 200: 10 } }
}

t.test('medians', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
})

t.test('rounds are summed up by what each figure is', async (t) => {
  const slow = { ...figures, requests_per_second: 1, p99_ms: 20, max_ms: 30, peak_rss_mb: 95, errors: 1 }
  const wrong = { ...figures, requests_per_second: 4, first_rss_mb: 70, statuses: { 200: 8, 500: 2 } }
  t.match(summarizeRounds([figures, slow, wrong]), {
    ...{ requests: 30, requests_per_second: 4, p99_ms: 2, max_ms: 30, errors: 1 },
    ...{ first_rss_mb: 70, peak_rss_mb: 95, statuses: { 200: 28, 500: 2 } }
  })
})

t.test('what was not expected', async (t) => {
  t.same(unexpected(figures, [200]), [])
  t.same(unexpected({ ...figures, statuses: { 200: 8, 503: 2 }, errors: 3 }, [200]), [
    '2 requests were answered 503',
    '3 connections broke or waited too long'
  ])
  t.same(unexpected({ ...figures, statuses: { 200: 8, 503: 2 } }, [200, 503]), [])
  t.same(unexpected({ ...figures, requests: 0, statuses: {} }, [200]), ['nothing was answered'])
})
