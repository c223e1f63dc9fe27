// Proves the way from flags, environment and file to a configuration: who wins, that every fault is
// reported at once with its place, the start errors of spec/msgbus-v1 6 and the closed default.

import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { formatListenAddress } from '../net/address.ts'
import { parseConfigFile } from './config-file.ts'
import { configLeaves } from './config-leaves.ts'
import { ConfigError, loadConfig, type LoadedConfig } from './config.ts'
import type { FlagValues } from './config-layers.ts'
import { settings } from './settings.ts'

type Flags = Record<string, string | readonly string[] | boolean>

function load(given: { flags?: Flags; env?: Record<string, string>; file?: string }): LoadedConfig {
  const { flags = {}, env = {}, file } = given
  const byFlag = new Map(settings.map((setting) => [setting.flag, setting.path]))
  const values: FlagValues = new Map(
    Object.entries(flags).map(([flag, value]) => [byFlag.get(flag) ?? assert.fail(flag), value]),
  )
  return loadConfig({
    flags: values,
    env,
    file: file === undefined ? undefined : parseConfigFile('bus.yaml', file),
  })
}

function faultsOf(given: Parameters<typeof load>[0]): string[] {
  try {
    load(given)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message
        .split('\n')
        .slice(1)
        .map((l) => l.trim())
    throw error
  }
  return []
}

const listening = (loaded: LoadedConfig, protocol: 'grpc' | 'http') =>
  loaded.config.protocols[protocol].listen.map(formatListenAddress)

test('the defaults are those of the architecture', () => {
  const loaded = load({})
  const { config } = loaded
  assert.deepEqual(config.node, {
    tenantId: 'tenant',
    blName: 'default',
    deviceId: hostname(),
    adopt: false,
  })
  assert.equal(config.storage.engine, 'lmdb')
  assert.equal(config.storage.data, './msgbus-data')
  assert.equal(config.storage.durability, 'disk')
  assert.equal(config.shutdown.graceMs, 5000)
  assert.deepEqual(listening(loaded, 'grpc'), ['127.0.0.1:50051'])
  assert.deepEqual(listening(loaded, 'http'), ['127.0.0.1:8711'])
  assert.deepEqual(loaded.warnings, [])
  assert.equal(loaded.originOf('storage.engine'), 'default')
})

test('a flag wins over the environment, the environment over the file', () => {
  const file = 'storage:\n  engine: sqlite\n  durability: os\n  data: /file\n'
  const env = { MSGBUS_DURABILITY: 'memory', MSGBUS_DATA: '/env' }
  const loaded = load({ flags: { '--data': '/flag' }, env, file })
  assert.equal(loaded.config.storage.engine, 'sqlite')
  assert.equal(loaded.config.storage.durability, 'memory')
  assert.equal(loaded.config.storage.data, '/flag')
  assert.equal(loaded.originOf('storage.engine'), 'bus.yaml:2:11')
  assert.equal(loaded.originOf('storage.durability'), 'MSGBUS_DURABILITY')
  assert.equal(loaded.originOf('storage.data'), '--data')
})

// A value each setting takes that is not its default, and another one for the flag (case 105).
const samples: Record<string, readonly [env: string, flag: string | boolean]> = {
  '--listen': ['127.0.0.1:1', '127.0.0.1:2'],
  '--http': ['127.0.0.1:1', 'off'],
  '--tmb': ['off', 'off'],
  '--mqtt': ['127.0.0.1:1', 'off'],
  '--busrt': ['off', '127.0.0.1:3'],
  '--wamp': ['off', 'off'],
  '--data': ['/a', '/b'],
  '--storage': ['sqlite', 'memory'],
  '--durability': ['os', 'memory'],
  '--deleted-payload': ['keep', 'erase'],
  '--delete-beyond-head': ['keep', 'clip'],
  '--node-id': ['a/b/c', 'd/e/f'],
  '--tenant-id': ['a', 'b'],
  '--bl-name': ['a', 'b'],
  '--device-id': ['a', 'b'],
  '--adopt-node-id': ['true', true],
  '--allow-insecure': ['yes', true],
  '--discover': ['yes', true],
  '--bridge': ['mqtt://one:1883', 'mqtt://two:1883'],
  '--peer': ['', ' , '],
  '--peer-tls-ca': ['/a', '/b'],
  '--peer-tls-domain': ['a', 'b'],
  '--sync-interval-ms': ['100', '200'],
  '--sync-batch-limit': ['1', '2'],
  '--shutdown-grace-ms': ['0', '10'],
  '--log-level': ['debug', 'error'],
  '--log-format': ['json', 'pretty'],
}
// Certificate and key only go together.
const pairs = [
  ['--tls-cert', '--tls-key'],
  ['--peer-tls-cert', '--peer-tls-key'],
] as const

test('105: every setting can be given by flag and by environment, and the flag wins', () => {
  const paired = ['--tls-client-ca', ...pairs.flat()]
  assert.deepEqual(
    [...Object.keys(samples), ...paired].toSorted(),
    settings.map((setting) => setting.flag).toSorted(),
    'a sample for every setting',
  )
  for (const setting of settings) {
    const sample = samples[setting.flag]
    if (sample === undefined) continue
    const env = { [setting.env]: sample[0] }
    const path = setting.path === 'node.id' ? 'node.blName' : setting.path
    if (sample[0] !== '') assert.equal(load({ env }).originOf(path), setting.env)
    const both = load({ env, flags: { [setting.flag]: sample[1] } })
    assert.equal(both.originOf(path), setting.flag)
  }
  for (const [cert, key] of pairs) {
    const env = Object.fromEntries(
      [cert, key].map((flag) => [settings.find((s) => s.flag === flag)?.env ?? '', '/env']),
    )
    const loaded = load({ env, flags: { [cert]: '/flag' } })
    const tls = cert === '--tls-cert' ? loaded.config.tls : loaded.config.sync.tls
    assert.equal(tls.cert, '/flag')
    assert.equal(tls.key, '/env')
  }
})

test('rows and schema agree on what each setting takes', () => {
  const types = new Map(configLeaves().map((leaf) => [leaf.path, leaf.type]))
  for (const { path, kind } of settings) {
    if (path === 'node.id') continue
    const type = types.get(path)
    assert.ok(type !== undefined, `${path} is in the schema`)
    assert.equal(kind === 'number', type.startsWith('number'), path)
    assert.equal(kind === 'switch', type.includes('`true`'), path)
    assert.equal(kind === 'list', type.includes('list of'), path)
  }
})

test('all faults come at once, each with its place and path', () => {
  const file = [
    'storage:',
    '  engin: lmdb',
    '  durability: forever',
    'sync: { intervalMs: 5 }',
    'topics:',
    '  - filter: a/#/b',
    '    retention: { maxAge: 3 }',
    'listen: 127.0.0.1:1',
    'limits: 7',
  ].join('\n')
  const env = { MSGBUS_SYNC_BATCH_LIMIT: 'many', MSGBUS_LISTEN: '50051' }
  assert.deepEqual(faultsOf({ file, env, flags: { '--shutdown-grace-ms': '-1' } }).toSorted(), [
    '--shutdown-grace-ms: shutdown.graceMs: must be at least 0, got -1',
    'MSGBUS_LISTEN: protocols.grpc.listen: "50051": expected host:port, [::1]:port, :port or unix:/path; for every interface write :50051',
    'MSGBUS_SYNC_BATCH_LIMIT: sync.batchLimit: expected a number, got "many"',
    'bus.yaml:2:3: storage.engin: unknown setting; did you mean storage.engine?',
    'bus.yaml:3:15: storage.durability: expected disk, os or memory, got "forever"',
    'bus.yaml:4:21: sync.intervalMs: must be at least 100, got 5',
    'bus.yaml:6:13: topics.0.filter: topic filter "a/#/b": `#` must be the whole last level',
    'bus.yaml:7:18: topics.0.retention.maxAge: unknown setting; did you mean topics.0.retention.maxAgeMs?',
    'bus.yaml:8:1: listen: unknown setting; did you mean protocols.grpc.listen?',
    'bus.yaml:9:9: limits: expected a section, got 7',
  ])
})

test('history: two bounds, or none, and topics with a retention of their own', () => {
  const historyOf = (file: string) => load({ file }).config.storage.history
  const day = { maxAgeMs: 86_400_000, maxBytes: 1_073_741_824 }
  assert.deepEqual(historyOf(''), day)
  assert.deepEqual(historyOf('storage: { history: { maxAgeMs: 60000 } }'), {
    ...day,
    maxAgeMs: 60_000,
  })
  const none = 'storage: { history: { maxAgeMs: forever, maxBytes: unlimited } }'
  assert.deepEqual(historyOf(none), { maxAgeMs: Infinity, maxBytes: Infinity })
  const { topics } = load({
    file: 'topics: [{ filter: a, retention: { maxAgeMs: forever } }]',
  }).config
  assert.deepEqual(topics[0]?.retention, { maxAgeMs: Infinity })
  assert.deepEqual(faultsOf({ file: 'storage: { history: { maxAgeMs: 0, maxBytes: forever } }' }), [
    'bus.yaml:1:33: storage.history.maxAgeMs: must be at least 1, got 0',
    'bus.yaml:1:46: storage.history.maxBytes: expected a number or unlimited, got "forever"',
  ])
})

test('faults of the YAML itself have a line', () => {
  assert.match(faultsOf({ file: 'a: [1, 2\nb: }' })[0] ?? '', /^bus\.yaml:\d+:\d+: /)
  assert.match(faultsOf({ file: 'log: {}\nlog: {}' })[0] ?? '', /^bus\.yaml:2:1: .*unique/)
  assert.deepEqual(faultsOf({ file: '- 1' }), [
    'bus.yaml:1:1: expected sections, such as `storage:`',
  ])
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
    .split('')
    .map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefghi'[i]}`).join()}]`)
    .join('\n')}`
  assert.match(faultsOf({ file: bomb })[0] ?? '', /alias/i)
  assert.deepEqual(faultsOf({ file: '' }), [])
})

test('106: TLS settings that only make sense together', () => {
  const server = 'tls: server TLS cert and key must be configured together'
  const client = 'tls: MSGBUS_TLS_CLIENT_CA requires MSGBUS_TLS_CERT and MSGBUS_TLS_KEY'
  const peer = 'sync.tls: peer TLS cert and key must be configured together'
  assert.deepEqual(faultsOf({ flags: { '--tls-cert': 'a' } }), [server])
  assert.deepEqual(faultsOf({ env: { MSGBUS_TLS_KEY: 'a' } }), [server])
  assert.deepEqual(faultsOf({ flags: { '--tls-client-ca': 'a' } }), [client])
  assert.deepEqual(faultsOf({ flags: { '--peer-tls-cert': 'a' } }), [peer])
  assert.match(
    faultsOf({ flags: { '--http': 'tls+127.0.0.1:1' } })[0] ?? '',
    /tls\+127\.0\.0\.1:1 needs --tls-cert and --tls-key/,
  )
})

test('108: node id parts are checked, and a part with a slash is refused', () => {
  assert.deepEqual(faultsOf({ flags: { '--device-id': '\u00a0' } }), [
    '--device-id: node.deviceId: device_id is empty',
  ])
  assert.deepEqual(faultsOf({ env: { MSGBUS_BL_NAME: 'a/b' } }), [
    'MSGBUS_BL_NAME: node.blName: bl_name contains /',
  ])
  assert.deepEqual(faultsOf({ file: `node: { tenantId: "${'x'.repeat(256)}" }` }), [
    'bus.yaml:1:19: node.tenantId: tenant_id is too long (256 bytes, limit 255)',
  ])
  assert.match(faultsOf({ flags: { '--node-id': 'a/b' } })[0] ?? '', /not tenant\/bl\/device/)
  assert.match(faultsOf({ file: 'node: { id: a/b/c/d }' })[0] ?? '', /^bus.yaml:1:13: node.id: /)
})

test('the short node id gives way to a stronger layer and not to its own', () => {
  const { node } = load({ file: 'node: { id: a/b/c }', flags: { '--device-id': 'x' } }).config
  assert.deepEqual([node.tenantId, node.blName, node.deviceId], ['a', 'b', 'x'])
  assert.deepEqual(faultsOf({ flags: { '--node-id': 'a/b/c', '--device-id': 'x' } }), [
    '--device-id: node.deviceId: --node-id says it too',
  ])
})

test('113: empty peers are ignored, real ones parsed, bad ones refused', () => {
  for (const text of ['', ',', ' , ']) {
    assert.deepEqual(load({ env: { MSGBUS_PEERS: text } }).config.sync.peers, [])
  }
  const given = 'http://127.0.0.1:1, https://b.example:443=t/b/d,'
  assert.deepEqual(load({ env: { MSGBUS_PEERS: given } }).config.sync.peers, [
    { endpoint: 'http://127.0.0.1:1', node: undefined },
    {
      endpoint: 'https://b.example:443',
      node: { tenantId: 't', blName: 'b', deviceId: 'd' },
    },
  ])
  const bad = faultsOf({ flags: { '--peer': ['127.0.0.1:1', 'http://h:1=a/b', '=a/b/c'] } })
  assert.equal(bad.length, 3)
  const twice = faultsOf({ flags: { '--peer': ['http://h:1', 'http://h:1=a/b/c'] } })
  assert.match(twice[0] ?? '', /http:\/\/h:1 is named twice/)
})

function rule(text: string): string {
  return `sync: { peers: ["http://h:1"], rules: [${text}] }`
}

test('rules for peers name peers, filters, nodes and keys', () => {
  const { rules } = load({
    file: rule('{ peer: "http://h:1", topics: [a/#], exceptTopics: [a/b], origins: [t/b/d] }'),
  }).config.sync
  const origins = [{ tenantId: 't', blName: 'b', deviceId: 'd' }]
  const peer = 'http://h:1'
  assert.deepEqual(rules, [{ peer, topics: ['a/#'], exceptTopics: ['a/b'], origins }])
  const faults: [text: string, fault: RegExp][] = [
    ['{ peer: "http://other:1" }', /http:\/\/other:1 is none of the peers/],
    ['{ topics: [a/#/b] }', /topic filter "a\/#\/b"/],
    ['{ origins: [t/b] }', /not tenant\/bl\/device/],
    ['{ tls: { cert: c } }', /peer TLS cert and key must be configured together/],
    ['{ tls: { publicKey: abc } }', /SHA-256 of a public key in 64 hex digits/],
  ]
  for (const [text, fault] of faults) assert.match(faultsOf({ file: rule(text) })[0] ?? '', fault)
  const backOff = 'sync: { backOffMinMs: 100, backOffMaxMs: 50 }'
  assert.match(faultsOf({ file: backOff })[0] ?? '', /backOffMinMs is more than backOffMaxMs/)
})

test('realms of WAMP have names, and there is at least one', () => {
  assert.deepEqual(faultsOf({ flags: { '--wamp': '127.0.0.1:0' } }), [])
  const realms = (text: string) => faultsOf({ file: `protocols: { wamp: { realms: ${text} } }` })
  assert.deepEqual(realms('[{ name: a }, { name: b, disclose: never }]'), [])
  assert.equal(realms('[]').length, 1)
  assert.equal(realms('[{ name: "" }]').length, 1)
})

test('an address that others can reach needs client certificates or consent', () => {
  const exposed = /^--listen: protocols\.grpc\.listen: 0\.0\.0\.0:1 can be reached/
  const certificate = { '--tls-cert': 'c', '--tls-key': 'k' }
  const open = { '--listen': '0.0.0.0:1' }
  assert.match(faultsOf({ flags: open })[0] ?? '', exposed)
  assert.match(
    faultsOf({ flags: { ...open, ...certificate } })[0] ?? '',
    /tls\+0\.0\.0\.0:1 can be reached/,
  )
  assert.deepEqual(faultsOf({ flags: { ...open, '--allow-insecure': true } }), [])
  assert.deepEqual(faultsOf({ flags: { ...open, ...certificate, '--tls-client-ca': 'ca' } }), [])
  assert.match(faultsOf({ flags: { '--http': ':8711' } })[0] ?? '', /:8711 .* put tls\+ before/)
})

test('with a certificate gRPC speaks TLS; HTTP does when asked to', () => {
  const flags = { '--tls-cert': 'c', '--tls-key': 'k', '--listen': ['[::1]:1', 'unix:/run/x'] }
  const loaded = load({ flags })
  assert.deepEqual(listening(loaded, 'grpc'), ['tls+[::1]:1', 'unix:/run/x'])
  assert.deepEqual(listening(loaded, 'http'), ['127.0.0.1:8711'])
})

test('names of the reference are understood, with a warning where they mean something else', () => {
  const redb = load({ flags: { '--storage': 'redb' } })
  assert.equal(redb.config.storage.engine, 'lmdb')
  assert.match(redb.warnings[0] ?? '', /redb stands for lmdb/)

  const level = (env: Record<string, string>) => load({ env }).config.log.level
  assert.equal(level({ RUST_LOG: 'debug' }), 'debug')
  assert.equal(level({ RUST_LOG: 'hyper=warn,msgbus_daemon=trace,error' }), 'debug')
  assert.equal(level({ RUST_LOG: 'hyper=trace,error' }), 'error')
  assert.equal(level({ RUST_LOG: 'debug', MSGBUS_LOG: 'warn' }), 'warn')
  assert.match(load({ env: { RUST_LOG: 'hyper=trace' } }).warnings[0] ?? '', /MSGBUS_LOG/)
})

test('a misspelled variable is pointed out, foreign ones are not', () => {
  assert.deepEqual(
    load({ env: { MSGBUS_LISTN: 'x', MSGBUS_SERVER: 'y', MSGBUS_COLOUR: 'z' } }).warnings,
    ['MSGBUS_LISTN is not known; did you mean MSGBUS_LISTEN?'],
  )
})

test('listeners: what holds for one address alone, and what is about none', () => {
  const file = [
    'listeners:',
    '  - { address: "127.0.0.1:1", maxConnectionsPerAddress: 5 }',
    '  - { address: "unix:<data>/busrt.sock", identifyBy: [] }',
  ].join('\n')
  const { config } = load({ file, flags: { '--listen': ['127.0.0.1:1', '127.0.0.1:2'] } })
  const { grpc, busrt } = config.protocols
  assert.deepEqual(
    grpc.listen.map((listener) => listener.settings),
    [{ maxConnectionsPerAddress: 5 }, undefined],
  )
  assert.deepEqual(busrt.listen[0]?.settings, { identifyBy: [] })
  assert.deepEqual(faultsOf({ file }), [
    'bus.yaml:2:16: listeners.0.address: 127.0.0.1:1 is none of the addresses that are listened on',
  ])
})

test('an optional client certificate does not close a listener', () => {
  const tls = { '--tls-cert': 'c', '--tls-key': 'k', '--tls-client-ca': 'a' }
  const flags = { ...tls, '--listen': '0.0.0.0:1' }
  assert.deepEqual(faultsOf({ flags }), [])
  const file = 'tls: { clientCertificates: optional }'
  assert.match(faultsOf({ flags, file })[0] ?? '', /0\.0\.0\.0:1 can be reached/)
})
