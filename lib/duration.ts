const secondsIn = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 } as const

/**
 * Reads a duration such as `10s`, `15m`, `7d` or `900` (seconds).
 * @returns seconds, or undefined where the text is no duration
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)?$/.exec(text)
  if (!match) return undefined
  return Number(match[1]) * secondsIn[(match[2] ?? 's') as keyof typeof secondsIn]
}

/**
 * A duration for people, in the largest unit that it is a whole number of: `30 minutes`.
 * @param seconds at least 1
 */
export function describeDuration(seconds: number): string {
  const units = [
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute']
  ] as const
  const [size, unit] = units.find(([size]) => seconds % size === 0) ?? [1, 'second']
  const count = Math.round(seconds / size)
  return `${String(count)} ${unit}${count === 1 ? '' : 's'}`
}
