/** The client and the command line over TLS, mutual TLS and a Unix socket. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../src/client/index.ts'
import { noCertificates, TestAuthority } from './certificates.ts'
import { runMsgbus } from './cli-process.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'

const skip = noCertificates

test(
  'mutual TLS: with the right files it works, else the error says what is wrong',
  { skip },
  async (t) => {
    const authority = new TestAuthority(temporaryFolder(t))
    const server = authority.issue('server')
    const mine = authority.issue('client')
    const tlsArgs = [
      '--tls-cert',
      server.cert,
      '--tls-key',
      server.key,
      '--tls-client-ca',
      authority.cert,
    ]
    const { address } = await startDaemon(t, { args: ['--storage', 'memory', ...tlsArgs] })
    const [ca, cert, key] = [authority.cert, mine.cert, mine.key].map((file) => readFileSync(file))

    const client = await connect(`https://${address}`, { tls: { ca, cert, key } })
    assert.equal((await client.publish('t', 'x')).headId, 1n)
    client.close()

    const unreachable = { code: 'unavailable', reason: 'connection_lost' }
    await assert.rejects(connect(`https://${address}`), {
      ...unreachable,
      message: /^no TLS connection to https/,
    })
    await assert.rejects(connect(address, { tls: { ca } }), unreachable)
    await assert.rejects(connect(address), unreachable)
    await assert.rejects(
      connect(address, { tls: { ca, cert, key, serverName: 'elsewhere.test' } }),
      {
        ...unreachable,
        message: /no TLS connection/,
      },
    )
    await assert.rejects(connect(address, { tls: { ca, cert } }), { code: 'invalid_argument' })
    await assert.rejects(connect(`https://${address}`, { tls: false }), {
      code: 'invalid_argument',
    })

    const files = ['--tls-ca', authority.cert, '--tls-cert', mine.cert, '--tls-key', mine.key]
    const printed = await runMsgbus(['head', 't', '-s', address, ...files])
    assert.deepEqual(printed, { code: 0, stdout: '1\n', stderr: '' })
    const refused = await runMsgbus(['head', 't', '-s', address, '--tls-ca', authority.cert])
    assert.equal(refused.code, 3)
  },
)

test('a Unix socket', async (t) => {
  const socket = `unix:${join(temporaryFolder(t), 'bus.sock')}`
  await startDaemon(t, { args: ['--storage', 'memory', '--listen', socket] })
  const client = await connect(socket)
  t.after(() => client.close())
  assert.equal((await client.publish('t', 'x')).headId, 1n)
  const nowhere = `${socket}.not`
  await assert.rejects(connect(nowhere), {
    code: 'unavailable',
    message: /nothing listens at unix:/,
  })
})
