/**
 * How settings are reached from the command line and the environment: one row each, as data. What a
 * setting means, takes and defaults to stands in the schema (config-schema.ts). `config print`, the
 * parser, `--help` and the reference page are all made from these rows.
 */

export interface Setting {
  /** In the configuration file; `node.id` exists as a short form only. */
  readonly path: string
  readonly flag: string
  readonly env: string
  /** How text becomes a value. `list`: repeat the flag, or separate by commas. `switch`: no value. */
  readonly kind: 'text' | 'number' | 'list' | 'switch'
  /** Of the value in `--help`. */
  readonly placeholder: string
}

const row =
  (kind: Setting['kind']) =>
  (path: string, flag: string, env: string, placeholder = ''): Setting => {
    return { path, flag, env, kind, placeholder }
  }
const text = row('text')
const number = row('number')
const list = row('list')
const toggle = row('switch')

export const settings: readonly Setting[] = [
  list('protocols.grpc.listen', '--listen', 'MSGBUS_LISTEN', 'address'),
  list('protocols.http.listen', '--http', 'MSGBUS_HTTP', 'address'),
  list('protocols.tmb.listen', '--tmb', 'MSGBUS_TMB', 'address'),
  list('protocols.mqtt.listen', '--mqtt', 'MSGBUS_MQTT', 'address'),
  list('protocols.mqtt.bridges', '--bridge', 'MSGBUS_BRIDGES', 'mqtt://host'),
  list('protocols.busrt.listen', '--busrt', 'MSGBUS_BUSRT', 'address'),
  list('protocols.wamp.listen', '--wamp', 'MSGBUS_WAMP', 'address'),
  text('storage.data', '--data', 'MSGBUS_DATA', 'folder'),
  text('storage.engine', '--storage', 'MSGBUS_STORAGE', 'engine'),
  text('storage.durability', '--durability', 'MSGBUS_DURABILITY', 'level'),
  text('storage.deletedPayload', '--deleted-payload', 'MSGBUS_DELETED_PAYLOAD', 'policy'),
  text('storage.deleteBeyondHead', '--delete-beyond-head', 'MSGBUS_DELETE_BEYOND_HEAD', 'policy'),
  text('node.id', '--node-id', 'MSGBUS_NODE_ID', 'tenant/bl/device'),
  text('node.tenantId', '--tenant-id', 'MSGBUS_TENANT_ID', 'name'),
  text('node.blName', '--bl-name', 'MSGBUS_BL_NAME', 'name'),
  text('node.deviceId', '--device-id', 'MSGBUS_DEVICE_ID', 'name'),
  toggle('node.adopt', '--adopt-node-id', 'MSGBUS_ADOPT_NODE_ID'),
  toggle('access.allowInsecure', '--allow-insecure', 'MSGBUS_ALLOW_INSECURE'),
  text('tls.cert', '--tls-cert', 'MSGBUS_TLS_CERT', 'file'),
  text('tls.key', '--tls-key', 'MSGBUS_TLS_KEY', 'file'),
  text('tls.clientCa', '--tls-client-ca', 'MSGBUS_TLS_CLIENT_CA', 'file'),
  list('sync.peers', '--peer', 'MSGBUS_PEERS', 'endpoint[=node]'),
  toggle('sync.discover', '--discover', 'MSGBUS_DISCOVER'),
  text('sync.tls.ca', '--peer-tls-ca', 'MSGBUS_PEER_TLS_CA', 'file'),
  text('sync.tls.cert', '--peer-tls-cert', 'MSGBUS_PEER_TLS_CERT', 'file'),
  text('sync.tls.key', '--peer-tls-key', 'MSGBUS_PEER_TLS_KEY', 'file'),
  text('sync.tls.domain', '--peer-tls-domain', 'MSGBUS_PEER_TLS_DOMAIN', 'name'),
  number('sync.intervalMs', '--sync-interval-ms', 'MSGBUS_SYNC_INTERVAL_MS', 'ms'),
  number('sync.batchLimit', '--sync-batch-limit', 'MSGBUS_SYNC_BATCH_LIMIT', 'count'),
  number('shutdown.graceMs', '--shutdown-grace-ms', 'MSGBUS_SHUTDOWN_GRACE_MS', 'ms'),
  text('log.level', '--log-level', 'MSGBUS_LOG', 'level'),
  text('log.format', '--log-format', 'MSGBUS_LOG_FORMAT', 'format'),
]

/** Path of the configuration file. It has no place in the file itself. */
export const configFileSetting = {
  flag: '--config',
  env: 'MSGBUS_CONFIG',
  placeholder: 'file',
  text: 'Configuration file (YAML). Flags win over the environment, the environment over the file.',
} as const

/** Text of the short form, which is no part of the schema. */
export const nodeIdText = 'All three parts of the node id at once: tenant/bl/device.'
