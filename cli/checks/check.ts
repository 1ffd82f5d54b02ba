/** One thing that was looked at. */
export interface Check {
  name: string
  status: 'ok' | 'warning' | 'failed'
  /** What was seen. */
  found: string
  /** What to do about it. */
  advice?: string
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found })

export const warning = (name: string, found: string, advice: string): Check => ({
  name,
  status: 'warning',
  found,
  advice
})

export const failed = (name: string, found: string, advice: string): Check => ({
  name,
  status: 'failed',
  found,
  advice
})

/** ms by which a clock may differ from ours: nodes must agree within seconds. */
const slightSkew = 1000
const badSkew = 5000

/** @param ahead ms by which another clock is ahead of this machine's */
export function clock(name: string, ahead: number): Check {
  const found = `${String(Math.abs(Math.round(ahead)))} ms ${ahead < 0 ? 'behind' : 'ahead of'} this machine`
  if (Math.abs(ahead) < slightSkew) return ok(name, found)
  const advice = 'Run NTP (chrony, systemd-timesyncd) on both machines: tokens and keys go by the clock'
  return Math.abs(ahead) < badSkew ? warning(name, found, advice) : failed(name, found, advice)
}
