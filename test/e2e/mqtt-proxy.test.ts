/** MQTT behind a proxy: configured per listener, with and without TLS, and what the daemon then knows of its clients. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { bytes, connect as connectPacket } from '../conformance/mqtt/bytes.ts'
import { noCertificates, TestAuthority } from './certificates.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'

const header = (port: number) => `PROXY TCP4 203.0.113.7 10.0.0.1 ${port} 1883\r\n`

test(
  'clients behind a proxy are known by their own addresses',
  { skip: noCertificates },
  async (t) => {
    const folder = temporaryFolder(t)
    const authority = new TestAuthority(folder)
    const { cert, key } = authority.issue('server')
    const config = join(folder, 'config.yaml')
    const listen = ['127.0.0.1:0', 'tls+127.0.0.1:0', '127.0.0.2:0']
    writeFileSync(
      config,
      JSON.stringify({
        tls: { cert, key },
        protocols: { mqtt: { listen, proxyProtocol: { listen: listen.slice(0, 2) } } },
      }),
    )
    const args = ['--storage', 'memory', '--config', config, '--log-format', 'json']
    const daemon = await startDaemon(t, { args, env: { MSGBUS_MQTT: '' } })
    const bound = daemon.info.listeners.filter(({ protocol }) => protocol === 'mqtt')
    const [plain, secure, direct] = bound.map(({ address }) => Number(address.split(':')[1]))

    const first = connect(plain ?? 0, '127.0.0.1')
    first.write(header(4_001))
    first.write(bytes(connectPacket({ version: 4, id: 'plain' })))
    assert.deepEqual([...((await once(first, 'data'))[0] as Buffer)], [0x20, 2, 0, 0])

    const second = connect(secure ?? 0, '127.0.0.1')
    second.write(header(4_002))
    await once(second, 'connect')
    const inside = connectTls({ socket: second, host: '127.0.0.1', rejectUnauthorized: false })
    inside.write(bytes(connectPacket({ version: 4, id: 'secure' })))
    assert.deepEqual([...((await once(inside, 'data'))[0] as Buffer)], [0x20, 2, 0, 0])

    const third = connect(direct ?? 0, '127.0.0.2')
    third.write(bytes(connectPacket({ version: 4, id: 'direct' })))
    assert.deepEqual([...((await once(third, 'data'))[0] as Buffer)], [0x20, 2, 0, 0])

    for (const socket of [first, inside, third]) socket.destroy()
    process.kill(daemon.pid, 'SIGTERM')
    const { stderr } = await daemon.exited
    const ends = stderr
      .split('\n')
      .filter((line) => line.includes('mqtt_connection_ended'))
      .map((line) => JSON.parse(line) as { client: string; source: string })
    const sources = new Map(ends.map(({ client, source }) => [client, source]))
    assert.equal(sources.get('plain'), '203.0.113.7:4001')
    assert.equal(sources.get('secure'), '203.0.113.7:4002')
    assert.match(sources.get('direct') ?? '', /^127\.0\.0\./)
  },
)
