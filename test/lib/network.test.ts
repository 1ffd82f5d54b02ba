import t from 'tap'
import { addressOf, networkOf } from '../../lib/network.ts'

t.test('an address is one that Postgres takes', async (t) => {
  for (const [text, address] of [
    ['203.0.113.7', '203.0.113.7'],
    ['::1', '::1'],
    ['::ffff:203.0.113.7', '::ffff:203.0.113.7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['', null],
    ['unknown', null],
    ['203.0.113', null],
    ['203.0.113.7:1234', null],
    ['203.0.113.7/24', null],
    ['0x7f.1', null],
    ['%', null]
  ] as const) {
    t.equal(addressOf(text), address, text)
  }
})

t.test('a network is a /24 of IPv4 or a /48 of IPv6', async (t) => {
  for (const [ip, network] of [
    ['203.0.113.7', '203.0.113.0'],
    ['::ffff:203.0.113.7', '203.0.113.0'],
    ['2001:db8:1:2:3::4', '2001:db8:1::'],
    [null, ''],
    ['unknown', '']
  ] as const) {
    t.equal(networkOf(ip), network, String(ip))
  }
})
