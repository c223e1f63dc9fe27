import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reachableListener } from './busrt-address.ts'

type Case = [
  listeners: string[],
  server: string,
  address: string | undefined,
  /** Socket files that are not here. */
  missing?: string[],
]

const cases: Case[] = [
  [[], 'localhost', undefined],
  [['127.0.0.1:7', 'unix:/x.sock'], '127.0.0.1:50051', 'unix:/x.sock'],
  [['127.0.0.1:7', 'unix:/x.sock'], 'unix:/msgbus.sock', 'unix:/x.sock'],
  // The daemon is in a container, or is another user's.
  [['127.0.0.1:7', 'unix:/x.sock'], 'localhost:50051', '127.0.0.1:7', ['/x.sock']],
  [['unix:/x.sock'], 'localhost:50051', undefined, ['/x.sock']],
  [['0.0.0.0:7'], '[::1]:50051', '127.0.0.1:7'],
  [['[::]:7'], 'localhost', '127.0.0.1:7'],
  [['192.0.2.1:7'], 'localhost', '192.0.2.1:7'],
  // Elsewhere only what is bound to an address of the network can be reached.
  [['unix:/x.sock', '127.0.0.1:7'], 'desk:50051', undefined],
  [['unix:/x.sock', '0.0.0.0:7'], 'desk:50051', 'desk:7'],
  [['[::]:7'], 'https://[2001:db8::1]:50051', '[2001:db8::1]:7'],
  [['192.0.2.1:7'], 'desk:50051', '192.0.2.1:7'],
  [['tls+0.0.0.0:7'], 'desk', 'tls+desk:7'],
  [['tls+0.0.0.0:7', '0.0.0.0:8'], 'desk', 'desk:8'],
  [['tls+unix:/x.sock', '127.0.0.1:8'], 'localhost', 'tls+unix:/x.sock'],
]

for (const [listeners, server, expected, missing = []] of cases) {
  test(`BUS/RT of ${server} at ${listeners.join(', ') || 'nowhere'}: ${expected ?? 'none'}`, () => {
    const given = listeners.map((text) => {
      const tls = text.startsWith('tls+')
      return { protocol: 'busrt', address: text.replace('tls+', ''), tls }
    })
    const address = reachableListener(given, server, (path) => !missing.includes(path))
    assert.equal(address, expected)
  })
}
