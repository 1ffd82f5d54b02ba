/** A sample's figures, in its own unit. */
export interface Summary {
  n: number
  mean: number
  median: number
  /** sample standard deviation */
  deviation: number
  p95: number
}

export interface Comparison {
  statistic: number
  /** Two-sided: how often samples of one and the same distribution differ as much. */
  p: number
}

export function summarize(sample: readonly number[]): Summary {
  const sorted = ascending(sample)
  const mean = sum(sample) / sample.length
  return {
    n: sample.length,
    mean,
    median: middle(sorted),
    deviation: Math.sqrt(sum(sample.map((value) => (value - mean) ** 2)) / (sample.length - 1)),
    p95: quantile(sorted, 0.95)
  }
}

export const median = (sample: readonly number[]) => middle(ascending(sample))

/**
 * Mann-Whitney U test, which looks at ranks only and so does not mind outliers. Normal approximation with the
 * correction for ties: for samples of 20 and more. `statistic` is U of the first sample.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): Comparison {
  const all = ascending([...first, ...second])
  const ranks = new Map<number, number>()
  let ties = 0
  for (let start = 0; start < all.length;) {
    const value = all[start] ?? 0
    const end = all.findLastIndex((other) => other === value) + 1
    ranks.set(value, (start + 1 + end) / 2)
    ties += (end - start) ** 3 - (end - start)
    start = end
  }
  const [n, m] = [first.length, second.length]
  const u = sum(first.map((value) => ranks.get(value) ?? 0)) - (n * (n + 1)) / 2
  const variance = ((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
  return { statistic: u, p: twoSided((u - (n * m) / 2) / Math.sqrt(variance)) }
}

/** Welch's t-test, which looks at means. The normal distribution stands for Student's: for samples of 100 and more. */
export function welch(first: readonly number[], second: readonly number[]): Comparison {
  const [one, other] = [summarize(first), summarize(second)]
  const error = Math.sqrt(one.deviation ** 2 / one.n + other.deviation ** 2 / other.n)
  const t = (one.mean - other.mean) / error
  return { statistic: t, p: twoSided(t) }
}

const ascending = (sample: readonly number[]) => sample.toSorted((one, other) => one - other)

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

const middle = (sorted: readonly number[]) => (quantile(sorted, 0.5) + quantile(sorted, 0.5, Math.ceil)) / 2

const quantile = (sorted: readonly number[], share: number, round = Math.floor) =>
  sorted[round((sorted.length - 1) * share)] ?? NaN

/** The tails of the normal distribution beyond ±z; Abramowitz and Stegun 26.2.17, to seven digits. */
function twoSided(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const polynomial =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return (2 * Math.exp((-z * z) / 2) * polynomial) / Math.sqrt(2 * Math.PI)
}
