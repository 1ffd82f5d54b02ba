import Bowser from 'bowser'

export type DeviceType = 'phone' | 'tablet' | 'desktop' | 'unknown'

const types: Record<string, DeviceType> = { mobile: 'phone', tablet: 'tablet', desktop: 'desktop' }

/** What kind of device a User-Agent claims to be. A claim, not a proof: good for a limit, not for a right. */
export function deviceType(userAgent: string | null): DeviceType {
  if (!userAgent) return 'unknown'
  return types[Bowser.parse(userAgent).platform.type ?? ''] ?? 'unknown'
}
