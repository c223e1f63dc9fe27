/** The BUS/RT client over TLS, with and without a certificate of its own. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cleanUp } from '../../e2e/clean-up.ts'
import { TestAuthority, noCertificates } from '../../e2e/certificates.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'
import { connect } from '../../../src/client/busrt/index.ts'

test(
  'TLS: with the right files it works, else the error says so',
  { skip: noCertificates },
  async (t) => {
    const authority = new TestAuthority(temporaryFolder(t))
    const [server, mine] = [authority.issue('server'), authority.issue('client')]
    const files = [
      '--tls-cert',
      server.cert,
      '--tls-key',
      server.key,
      '--tls-client-ca',
      authority.cert,
    ]
    const listen = ['--listen', 'off', '--busrt', 'tls+127.0.0.1:0']
    const { info } = await startDaemon(t, { args: ['--storage', 'memory', ...listen, ...files] })
    const bound = info.listeners.find(({ protocol }) => protocol === 'busrt')?.address ?? ''
    const address = `tls+${bound.replace(/^tls\+/, '')}`
    const [ca, cert, key] = [authority.cert, mine.cert, mine.key].map((file) => readFileSync(file))

    const client = await connect({ address, name: 'a', tls: { ca, cert, key } })
    cleanUp(t, () => client.close())
    const total = 2_000
    const receiving = (async () => {
      let next = 0
      for await (const { payload } of client) {
        assert.equal(Buffer.from(payload).readUInt32LE(0), next)
        next += 1
        if (next === total) return
      }
    })()
    for (let i = 0; i < total; i++) {
      const payload = Buffer.alloc(5_000)
      payload.writeUInt32LE(i)
      await client.send('a', payload, { qos: 'none' })
    }
    await receiving

    const unreachable = { code: 'unavailable', reason: 'connection_lost' }
    const missing = connect({ address, name: 'b' })
    await assert.rejects(missing, { ...unreachable, message: /^no TLS connection to tls\+/ })
    await assert.rejects(connect({ address, name: 'b', tls: { ca } }), unreachable)
    const tls = { ca, cert, key, serverName: 'elsewhere.test' }
    const misnamed = connect({ address, name: 'b', tls })
    await assert.rejects(misnamed, { ...unreachable, message: /no TLS connection/ })
    const plain = connect({ address: address.slice('tls+'.length), name: 'b', timeoutMs: 500 })
    await assert.rejects(plain, { name: 'BusError' })
  },
)
