/**
 * A configuration of msgbus from one of Mosquitto (mosquitto.conf(5), 2.0): what it says is understood, not understood
 * and why, or of no meaning here, line by line. What comes out can be used as it is; nothing is guessed.
 *
 * Users come without their passwords: Mosquitto keeps hashes of another kind, from which none of ours can be made.
 */

import { dirname, isAbsolute, join } from 'node:path'
import { AddressError, isLocalOnly, parseListenAddress } from '../net/address.ts'
import { bridgeLines, bridgeOf, type MosquittoBridge } from './mosquitto-bridge.ts'
import { readRules, readUsers } from './mosquitto-access.ts'

/** `ignored`: it has no meaning here, and nothing is lost by that. */
export type Verdict = 'understood' | 'not understood' | 'ignored'

export interface Remark {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly text: string
  readonly verdict: Verdict
  /** What became of it, or why nothing did. */
  readonly why: string
}

export interface Imported {
  /** As it stands in a configuration file. */
  readonly config: Record<string, unknown>
  readonly remarks: readonly Remark[]
}

/** One line that says something. */
export interface Line {
  readonly number: number
  readonly text: string
  readonly key: string
  readonly value: string
}

export type Say = (line: Line, verdict: Verdict, why: string) => void

interface Listener {
  address: string
  tls: boolean
  isWebSocket: boolean
  maxConnections: number | undefined
  requiresCertificate: boolean
}

/** Lines of a file of Mosquitto: words behind a key; empty ones and comments are left out. */
export function linesOf(text: string): Line[] {
  return text.split(/\r?\n/).flatMap((raw, i) => {
    const trimmed = raw.trim()
    if (trimmed === '' || trimmed.startsWith('#')) return []
    const [key = '', ...rest] = trimmed.split(/\s+/)
    const value = trimmed.slice(key.length).trim()
    return [{ number: i + 1, text: rest.length === 0 ? key : trimmed, key, value }]
  })
}

/**
 * @param read the text of a file that is named in it; undefined: it cannot be read
 */
export function fromMosquitto(
  file: string,
  text: string,
  read: (path: string) => string | undefined,
): Imported {
  return new MosquittoImport(file, read).run(text)
}

const simple: Readonly<Record<string, string>> = {
  pid_file: 'the service manager knows the process',
  user: 'the service manager says who the daemon runs as',
  autosave_interval: 'what is acknowledged is on disk already',
  autosave_on_changes: 'what is acknowledged is on disk already',
  persistence_file: 'the store is a folder',
  set_tcp_nodelay: 'it is always set',
  sys_interval: '$SYS is told every ten seconds, when it has changed',
  max_queued_messages: 'sessions have no queue: storage.history bounds what waits',
  max_queued_bytes: 'sessions have no queue: storage.history bounds what waits',
  auto_id_prefix: 'client ids that are made up begin with auto-',
  log_dest: 'the log is on stderr; the service manager keeps it',
  log_type: 'see log.level',
  log_timestamp: 'every line has its time',
  log_timestamp_format: 'times are those of ISO 8601',
  log_facility: 'the log is on stderr; the service manager keeps it',
  connection_messages: 'see log.level',
  websockets_log_level: 'see log.level',
  websockets_headers_size: 'headers have a limit of their own',
  http_dir: 'the HTTP port serves the console',
  memory_limit: 'every queue and buffer has a limit of its own',
  check_retain_source: 'rules are asked when a message is delivered',
}

const unsupported: Readonly<Record<string, string>> = {
  per_listener_settings: 'users and rules are the same on all listeners',
  queue_qos0_messages: 'QoS 0 does not wait for clients that are away; store: always keeps it',
  upgrade_outgoing_qos: 'a message never leaves with a higher QoS than it came with',
  retain_available: 'retained messages cannot be turned off; rules can refuse them to clients',
  psk_file: 'pre-shared keys are not spoken; use certificates',
  psk_hint: 'pre-shared keys are not spoken; use certificates',
  use_identity_as_username: 'certificates belong to users: users[].certificates',
  use_subject_as_username: 'certificates belong to users: users[].certificates',
  use_username_as_clientid: "client ids are the clients'; rules can speak of them with %c",
  auth_plugin: 'programs cannot be loaded; see users, jwt and rules',
  plugin: 'programs cannot be loaded; see users, jwt and rules',
  include_dir: 'import each of its files by itself',
  mount_point: 'topics are the same on all listeners',
  crlfile: 'revoked certificates: see the security page',
  ciphers: 'TLS 1.2 and 1.3 with the ciphers of Node.js',
  ciphers_tls1_3: 'TLS 1.2 and 1.3 with the ciphers of Node.js',
  dhparamfile: 'only key exchange with elliptic curves and without parameters is used',
  tls_engine: 'keys are files',
  capath: 'name one file with all authorities: tls.clientCa',
  clientid_prefixes: 'rules can speak of client ids with %c',
  bind_interface: 'give the address of the interface',
  socket_domain: 'give an IPv4 or an IPv6 address',
}

class MosquittoImport {
  readonly #file: string
  readonly #read: (path: string) => string | undefined
  readonly #remarks: Remark[] = []
  readonly #mqtt: Record<string, unknown> = {}
  readonly #storage: Record<string, unknown> = {}
  readonly #tls: Record<string, unknown> = {}
  readonly #listeners: Listener[] = []
  readonly #bridges: MosquittoBridge[] = []
  readonly #users: object[] = []
  readonly #rules: object[] = []
  #allowAnonymous: boolean | undefined
  #port = ''
  #bindAddress = ''

  constructor(file: string, read: (path: string) => string | undefined) {
    this.#file = file
    this.#read = read
  }

  run(text: string): Imported {
    for (const line of linesOf(text)) this.#line(line)
    return { config: this.#config(), remarks: this.#remarks }
  }

  readonly #say: Say = ({ number, text }, verdict, why) => {
    this.#remarks.push({ file: this.#file, line: number, text: hidden(text), verdict, why })
  }

  #line(line: Line): void {
    const { key } = line
    if (key === 'connection') this.#bridges.push({ name: line.value, lines: [line] })
    else if (this.#bridges.length > 0 && (bridgeLines.has(key) || key.startsWith('bridge_'))) {
      this.#bridges.at(-1)?.lines.push(line)
    } else if (!this.#listen(line) && !this.#secure(line) && !this.#common(line)) {
      const why = simple[key]
      const lack = unsupported[key]
      if (why !== undefined) this.#say(line, 'ignored', why)
      else if (lack === undefined) this.#say(line, 'not understood', 'there is no such setting')
      // Said, but as it is here anyway.
      else if (line.value === 'false' && key !== 'retain_available') {
        this.#say(line, 'understood', 'so it is')
      } else if (line.value === 'true' && key === 'retain_available') {
        this.#say(line, 'understood', 'so it is')
      } else this.#say(line, 'not understood', lack)
    }
  }

  #listen(line: Line): boolean {
    const { key, value } = line
    const current = this.#listeners.at(-1)
    switch (key) {
      case 'listener': {
        const [port = '', where = ''] = value.split(/\s+/)
        const address = port === '0' && where !== '' ? `unix:${where}` : `${host(where)}:${port}`
        this.#listeners.push({ address, ...plainListener })
        const isOpen = isInClear({ address, ...plainListener })
        const inClear = isOpen
          ? '; in clear, unless a certificate follows: access.allowInsecure'
          : ''
        this.#say(line, 'understood', `listens on ${address}${inClear}`)
        return true
      }
      case 'port':
        this.#port = value
        this.#say(line, 'understood', `listens on ${value}`)
        return true
      case 'bind_address':
        this.#bindAddress = value
        this.#say(line, 'understood', `listens on ${value}`)
        return true
      case 'protocol':
        if (value === 'websockets' && current !== undefined) {
          current.isWebSocket = true
          this.#say(line, 'understood', `at ${current.address} by HTTP, on the path /mqtt`)
        } else this.#verdict(line, value === 'mqtt', 'MQTT', 'mqtt and websockets are known')
        return true
      case 'max_connections':
        if (value === '-1') this.#say(line, 'understood', 'no bound but limits.clients')
        else if (current === undefined) {
          this.#say(line, 'not understood', 'it stands before every listener')
        } else {
          current.maxConnections = Number(value)
          this.#say(line, 'understood', 'listeners[].maxConnections')
        }
        return true
      default:
        return false
    }
  }

  /** Certificates: there is one for all listeners. */
  #secure(line: Line): boolean {
    const { key, value } = line
    const current = this.#listeners.at(-1)
    switch (key) {
      case 'certfile':
      case 'keyfile': {
        const name = key === 'certfile' ? 'cert' : 'key'
        const known = this.#tls[name]
        if (current !== undefined) current.tls = true
        const isOne = known === undefined || known === value
        this.#tls[name] ??= value
        this.#verdict(line, isOne, `tls.${name}`, 'all listeners have the same certificate')
        return true
      }
      case 'cafile':
        this.#tls['clientCa'] ??= value
        this.#say(line, 'understood', 'tls.clientCa: who signs certificates of clients')
        return true
      case 'require_certificate':
        if (current !== undefined) current.requiresCertificate = value === 'true'
        this.#say(line, 'understood', 'listeners[].clientCertificates')
        return true
      case 'tls_version':
        this.#verdict(line, value === 'tlsv1.2', 'TLS 1.2 and newer', 'TLS 1.2 is the oldest')
        return true
      default:
        return false
    }
  }

  #common(line: Line): boolean {
    const { key, value } = line
    const count = Number(value)
    switch (key) {
      case 'persistence':
        if (value !== 'true') this.#storage['engine'] = 'memory'
        this.#say(line, 'understood', value === 'true' ? 'so it is' : 'storage.engine: memory')
        return true
      case 'persistence_location':
        this.#storage['data'] = join(value, 'msgbus')
        this.#say(line, 'understood', `storage.data: ${join(value, 'msgbus')}`)
        return true
      case 'persistent_client_expiration': {
        const seconds = expirySeconds(value)
        if (seconds !== undefined) this.#mqtt['sessionExpirySeconds'] = seconds
        this.#verdict(line, seconds !== undefined, 'sessionExpirySeconds', 'it is no time')
        return true
      }
      case 'max_inflight_messages':
        this.#set(line, 'window', count === 0 ? 1_000 : count, 65_535)
        return true
      case 'max_packet_size':
      case 'message_size_limit':
        if (count > 0) this.#set(line, 'maxPacketBytes', Math.max(1_024, count), 268_435_460)
        else this.#say(line, 'ignored', 'there is always a limit: maxPacketBytes')
        return true
      case 'max_keepalive':
        this.#set(line, 'maxKeepAliveSeconds', count, 65_535)
        return true
      case 'max_topic_alias':
        this.#set(line, 'topicAliasMaximum', count, 65_535)
        return true
      case 'allow_zero_length_clientid':
        this.#verdict(line, value === 'true', 'so it is', 'the protocol asks for it')
        return true
      case 'allow_duplicate_messages':
        this.#verdict(line, value === 'false', 'so it is', 'a client gets a message once')
        return true
      case 'allow_anonymous':
        this.#allowAnonymous = value === 'true'
        this.#say(
          line,
          'understood',
          value === 'true' ? 'a rule for everybody' : 'no rule for them',
        )
        return true
      case 'password_file':
        this.#access(line, readUsers, this.#users)
        return true
      case 'acl_file':
        this.#access(line, readRules, this.#rules)
        return true
      default:
        return false
    }
  }

  /** Reads a file that is named, whose lines are judged each by itself. */
  #access(line: Line, read: (lines: readonly Line[], say: Say) => object[], into: object[]): void {
    const path = isAbsolute(line.value) ? line.value : join(dirname(this.#file), line.value)
    const text = this.#read(path)
    if (text === undefined) {
      this.#say(line, 'not understood', 'the file cannot be read')
      return
    }
    this.#say(line, 'understood', 'see its lines')
    const say: Say = ({ number, text: written }, verdict, why) =>
      this.#remarks.push({ file: path, line: number, text: hidden(written), verdict, why })
    into.push(...read(linesOf(text), say))
  }

  #set(line: Line, name: string, value: number, most: number): void {
    const isNumber = Number.isSafeInteger(value) && value >= 0 && value <= most
    if (isNumber) this.#mqtt[name] = value
    this.#verdict(line, isNumber, `protocols.mqtt.${name}: ${value}`, `up to ${most}`)
  }

  #verdict(line: Line, isUnderstood: boolean, what: string, why: string): void {
    this.#say(line, isUnderstood ? 'understood' : 'not understood', isUnderstood ? what : why)
  }

  #config(): Record<string, unknown> {
    if (this.#port !== '' || this.#bindAddress !== '' || this.#listeners.length === 0) {
      // Without a listener it is reachable on this machine only, as Mosquitto 2 is.
      const where =
        this.#port === '' && this.#bindAddress === '' ? '127.0.0.1' : host(this.#bindAddress)
      this.#listeners.unshift({ address: `${where}:${this.#port || '1883'}`, ...plainListener })
    }
    const sockets = this.#listeners.filter(({ isWebSocket }) => !isWebSocket).map(shown)
    const pages = this.#listeners.filter(({ isWebSocket }) => isWebSocket).map(shown)
    const bridges = this.#bridges.map((each) => bridgeOf(each, this.#say))
    const hasAccess = this.#users.length > 0 || this.#rules.length > 0
    const isOpen = this.#allowAnonymous !== false && !hasAccess
    const settings = this.#listeners.filter(
      ({ maxConnections, requiresCertificate }) =>
        maxConnections !== undefined || requiresCertificate,
    )
    return {
      ...(Object.keys(this.#storage).length > 0 && { storage: this.#storage }),
      protocols: {
        mqtt: {
          listen: sockets.length === 0 ? 'off' : sockets,
          ...this.#mqtt,
          ...(bridges.length > 0 && { bridges }),
        },
        ...(pages.length > 0 && { http: { listen: pages } }),
      },
      ...(settings.length > 0 && {
        listeners: settings.map((each) => ({
          address: shown(each),
          ...(each.maxConnections !== undefined && { maxConnections: each.maxConnections }),
          ...(each.requiresCertificate && { clientCertificates: 'required' }),
        })),
      }),
      ...(Object.keys(this.#tls).length > 0 && { tls: this.#tls }),
      // As it was there: in clear to whoever can reach it. `config check` and the daemon say so where it is not wanted.
      ...(this.#listeners.some(isInClear) && { access: { allowInsecure: true } }),
      ...(this.#users.length > 0 && { users: this.#users }),
      ...(!isOpen && { rules: this.#allRules() }),
    }
  }

  #allRules(): object[] {
    const to = this.#allowAnonymous === true ? 'any' : 'users'
    const connect = { allow: ['connect'], to }
    // Without an ACL everybody who may connect may do everything.
    return this.#rules.length === 0 ? [{ allow: ['all'], to }] : [connect, ...this.#rules]
  }
}

const plainListener = {
  tls: false,
  isWebSocket: false,
  maxConnections: undefined,
  requiresCertificate: false,
}

function shown({ tls, address }: Listener): string {
  return `${tls ? 'tls+' : ''}${address}`
}

/** Others can reach it, and read what passes. */
function isInClear({ address, tls }: Listener): boolean {
  try {
    return !tls && !isLocalOnly(parseListenAddress(address))
  } catch (error) {
    // What is no address is a fault of the new configuration, which says so.
    if (error instanceof AddressError) return false
    throw error
  }
}

/** Brackets for IPv6; nothing for every interface. */
function host(text: string): string {
  return text.includes(':') ? `[${text}]` : text
}

/** `2h`, `1d`, `2w`, `1m`, `1y` in seconds. */
function expirySeconds(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+)([hdwmy])$/.exec(text) ?? []
  const hours = { h: 1, d: 24, w: 168, m: 720, y: 8_760 }[unit]
  return hours === undefined ? undefined : Number(count) * hours * 3_600
}

/** What is shown of a line: no password. */
function hidden(text: string): string {
  if (/^(remote_)?password\s/.test(text)) return text.replace(/\s.*/, ' (hidden)')
  return text.replace(/^([^:\s]+):\$.*/, '$1:(hash)')
}
