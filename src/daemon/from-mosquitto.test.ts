/** What becomes of configurations of Mosquitto, and that what comes out is one of ours. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { parseConfigFile } from './config-file.ts'
import { loadConfig } from './config.ts'
import { fromMosquitto } from './from-mosquitto.ts'

function imported(text: string, files: Readonly<Record<string, string>> = {}) {
  const { config, remarks } = fromMosquitto('/m/mosquitto.conf', text, (path) => files[path])
  const file = parseConfigFile('new', stringify(config))
  return {
    remarks,
    verdicts: remarks.map(({ line, verdict }) => [line, verdict]),
    ...loadConfig({ flags: new Map(), env: {}, file }),
  }
}

test('an empty one listens on this machine only, as Mosquitto 2 does', () => {
  const { config } = imported('')
  const [address] = config.protocols.mqtt.listen
  assert.deepEqual(address, { kind: 'tcp', host: '127.0.0.1', port: 1883, tls: false })
})

test('every line is judged, by its number', () => {
  const { verdicts } = imported(
    '# comment\n\nlistener 1883\nlog_dest stdout\nsomething else\nretain_available true\nretain_available false\n',
  )
  assert.deepEqual(verdicts, [
    [3, 'understood'],
    [4, 'ignored'],
    [5, 'not understood'],
    [6, 'understood'],
    [7, 'not understood'],
  ])
})

test('listeners, with WebSockets, sockets and certificates', () => {
  const { config } = imported(
    [
      'listener 1883 127.0.0.1',
      'max_connections 10',
      'listener 8883',
      'certfile /c.pem',
      'keyfile /k.pem',
      'cafile /ca.pem',
      'require_certificate true',
      'listener 9001 127.0.0.1',
      'protocol websockets',
      'listener 0 /run/m.sock',
      'max_packet_size 2000',
      'persistence false',
      'persistent_client_expiration 1d',
    ].join('\n'),
  )
  assert.equal(config.protocols.mqtt.listen.length, 3)
  assert.equal(config.protocols.http.listen.length, 1)
  assert.equal(config.protocols.mqtt.maxPacketBytes, 2_000)
  assert.equal(config.protocols.mqtt.sessionExpirySeconds, 86_400)
  assert.equal(config.storage.engine, 'memory')
  assert.equal(config.tls.clientCa, '/ca.pem')
})

test('users come without their passwords, and rules deny first', () => {
  const { config, remarks } = imported(
    'listener 1883 127.0.0.1\nallow_anonymous false\npassword_file users\nacl_file /m/acl\n',
    {
      '/m/users': 'alice:$7$101$c2FsdA==$aGFzaA==\n',
      '/m/acl':
        'topic read news/#\nuser alice\ntopic a/#\ntopic deny a/b c\npattern write home/%u/#\n',
    },
  )
  assert.deepEqual(
    config.users.map(({ name, password }) => [name, password]),
    [['alice', undefined]],
  )
  assert.deepEqual(
    config.rules.map(({ allow, deny, to, on }) => [allow ?? deny, to, on]),
    [
      [['connect'], ['users'], ['#']],
      [['publish', 'subscribe', 'fetch'], ['alice'], ['a/b c']],
      [['subscribe', 'fetch'], ['anonymous'], ['news/#']],
      [['publish', 'subscribe', 'fetch'], ['alice'], ['a/#']],
      [['publish'], ['any'], ['home/%u/#']],
    ],
  )
  const shown = JSON.stringify(remarks)
  assert.ok(!shown.includes('c2FsdA'), shown)
})

test('bridges', () => {
  const { config, remarks } = imported(
    [
      'connection to the cloud',
      'address broker.example:1884 other.example',
      'topic sensors/# out 1 "" site/1/',
      'topic # in 2 cloud/ ""',
      'topic "" out',
      'remote_username me',
      'remote_password secret',
      'bridge_cafile /ca.pem',
      'bridge_insecure true',
      'restart_timeout 5 30',
      'bridge_protocol_version mqttv50',
    ].join('\n'),
  )
  const [bridge] = config.protocols.mqtt.bridges
  assert.equal(bridge?.url, 'mqtts://broker.example:1884')
  assert.equal(bridge.name, 'to-the-cloud')
  assert.equal(bridge.version, '5')
  assert.deepEqual([bridge.userName, bridge.password], ['me', 'secret'])
  assert.deepEqual(
    bridge.topics.map(({ filter, direction, qos, localPrefix, remotePrefix }) => [
      filter,
      direction,
      qos,
      localPrefix,
      remotePrefix,
    ]),
    [
      ['sensors/#', 'out', 1, '', 'site/1/'],
      ['#', 'in', 2, 'cloud/', ''],
    ],
  )
  assert.deepEqual([bridge.backOffMinMs, bridge.backOffMaxMs], [5_000, 30_000])
  const lines = remarks
    .filter(({ verdict }) => verdict === 'not understood')
    .map(({ line }) => line)
  assert.deepEqual(lines, [2, 5, 9])
  assert.ok(!JSON.stringify(remarks).includes('secret'))
})
