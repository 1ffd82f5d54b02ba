import ipaddr from 'ipaddr.js'
import { isIP, isIPv4 } from 'node:net'

/**
 * The address that a request came from, without the zone of a link-local one (RFC 4007 §11).
 * @returns null where it is none: proxies pass on whatever `X-Forwarded-For` they were given
 */
export function addressOf(text: string): string | null {
  const [address = ''] = text.split('%')
  return isIP(address) === 0 ? null : address
}

/** What one subscriber holds: an address of IPv4, a /64 of IPv6 (RFC 6177 §2). '' where there is no address. */
export function subscriberOf(ip: string | null): string {
  if (ip === null || !ipaddr.isValid(ip)) return ''
  const address = ipaddr.process(ip)
  if (address instanceof ipaddr.IPv4) return address.toString()
  return new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toString()
}

/**
 * The network that an address belongs to, as far as one can tell from outside: a /24 of IPv4, a /48 of IPv6.
 * @returns its first address, or '' where there is no address
 */
export function networkOf(ip: string | null): string {
  // At every refresh: most are as plain as this.
  if (ip !== null && isIPv4(ip)) return `${ip.slice(0, ip.lastIndexOf('.'))}.0`
  if (ip === null || !ipaddr.isValid(ip)) return ''
  const address = ipaddr.process(ip)
  if (address instanceof ipaddr.IPv4) return `${address.octets.slice(0, 3).join('.')}.0`
  return new ipaddr.IPv6([...address.parts.slice(0, 3), 0, 0, 0, 0, 0]).toString()
}

/** Whether an address is of this machine (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback'
}
