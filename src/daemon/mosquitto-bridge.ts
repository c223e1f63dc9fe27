/** A `connection` of a Mosquitto configuration as a bridge of ours. */

import type { Line, Say } from './from-mosquitto.ts'

export interface MosquittoBridge {
  readonly name: string
  /** The one with `connection` first. */
  readonly lines: Line[]
}

/** Settings that stand behind a `connection`, besides all that begin with `bridge_`. */
export const bridgeLines: ReadonlySet<string> = new Set([
  'address',
  'addresses',
  'topic',
  'remote_username',
  'username',
  'remote_password',
  'password',
  'remote_clientid',
  'clientid',
  'local_clientid',
  'local_username',
  'local_password',
  'local_cleansession',
  'cleansession',
  'keepalive_interval',
  'start_type',
  'restart_timeout',
  'idle_timeout',
  'threshold',
  'round_robin',
  'try_private',
  'notifications',
  'notifications_local_only',
  'notification_topic',
])

const ignored: Readonly<Record<string, string>> = {
  local_clientid: 'the session of a bridge has a name of its own here',
  local_username: 'the bridge acts as bridge.NAME, which rules can speak of',
  local_password: 'the bridge acts as bridge.NAME, which rules can speak of',
  try_private: 'it is tried before 5.0, and not needed there',
  notifications: 'msgbus status and the metrics tell whether it is connected',
  notifications_local_only: 'msgbus status and the metrics tell whether it is connected',
  notification_topic: 'msgbus status and the metrics tell whether it is connected',
  bridge_attempt_unsubscribe: 'nothing is unsubscribed',
  bridge_outgoing_retain: 'RETAIN goes along unless the other broker refuses it',
  bridge_max_packet_size: 'the other broker says what it takes',
  bridge_bind_address: 'the system chooses the address',
}

/** Judges every line of it. */
export function bridgeOf({ name, lines }: MosquittoBridge, say: Say): object {
  const bridge: Record<string, unknown> = { name: name.replaceAll(/[^\w.-]+/g, '-').slice(0, 64) }
  const tls: Record<string, unknown> = {}
  const topics: object[] = []
  let address = ''
  const understood = (line: Line, what: string, value: unknown) => {
    bridge[what] = value
    say(line, 'understood', what)
  }
  for (const line of lines) {
    const { key, value } = line
    switch (key) {
      case 'connection':
        say(line, 'understood', `the bridge ${String(bridge['name'])}`)
        break
      case 'address':
      case 'addresses': {
        const [first = '', ...more] = value.split(/\s+/)
        address = first
        if (more.length === 0) say(line, 'understood', 'url')
        else say(line, 'not understood', `a bridge has one address: ${more.join(' ')} is left out`)
        break
      }
      case 'topic': {
        const topic = topicOf(value)
        if (topic === undefined) say(line, 'not understood', 'it is no topic of a bridge')
        else {
          topics.push(topic)
          say(line, 'understood', 'topics')
        }
        break
      }
      case 'remote_username':
      case 'username':
        understood(line, 'userName', value)
        break
      case 'remote_password':
      case 'password':
        understood(line, 'password', value)
        break
      case 'remote_clientid':
      case 'clientid':
        understood(line, 'clientId', value)
        break
      case 'cleansession':
        understood(line, 'cleanStart', value === 'true')
        break
      case 'keepalive_interval':
        understood(line, 'keepAliveSeconds', Math.max(5, Number(value)))
        break
      case 'restart_timeout': {
        const [base = 5, cap] = value.split(/\s+/).map(Number)
        bridge['backOffMinMs'] = base * 1_000
        bridge['backOffMaxMs'] = (cap ?? Math.max(base, 60)) * 1_000
        say(line, 'understood', 'backOffMinMs, backOffMaxMs')
        break
      }
      case 'bridge_protocol_version': {
        const version = { mqttv31: '3.1', mqttv311: '3.1.1', mqttv50: '5', mqttv5: '5' }[value]
        if (version === undefined) say(line, 'not understood', 'it is no version')
        else understood(line, 'version', version)
        break
      }
      case 'bridge_cafile':
      case 'bridge_certfile':
      case 'bridge_keyfile':
        tls[{ bridge_cafile: 'ca', bridge_certfile: 'cert', bridge_keyfile: 'key' }[key]] = value
        say(line, 'understood', 'tls')
        break
      case 'start_type': {
        const isKept = value === 'automatic'
        say(
          line,
          isKept ? 'understood' : 'not understood',
          isKept ? 'so it is' : 'a bridge is always on',
        )
        break
      }
      default: {
        const why = ignored[key]
        if (why === undefined) say(line, 'not understood', 'bridges have nothing of the kind')
        else say(line, 'ignored', why)
      }
    }
  }
  const isSecure = Object.keys(tls).length > 0
  const url = `${isSecure ? 'mqtts' : 'mqtt'}://${address}`
  return { ...bridge, url, ...(topics.length > 0 && { topics }), ...(isSecure && { tls }) }
}

/** `pattern [[[out | in | both] qos] local-prefix remote-prefix]`, an empty prefix as `""`. */
function topicOf(value: string): object | undefined {
  const [pattern = '', direction = 'out', qos = '0', local = '', remote = '', ...more] =
    value.split(/\s+/)
  const known = ['in', 'out', 'both'].includes(direction) && /^[012]$/.test(qos)
  // A prefix may be the whole name; then there is no pattern behind it, which has no form here.
  if (!known || more.length > 0 || unquoted(pattern) === '') return undefined
  return {
    filter: pattern,
    direction,
    qos: Number(qos),
    localPrefix: unquoted(local),
    remotePrefix: unquoted(remote),
  }
}

function unquoted(text: string): string {
  return text === '""' ? '' : text
}
