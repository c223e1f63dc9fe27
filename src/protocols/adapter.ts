/**
 * What the daemon needs of a protocol adapter, and what it gives. An adapter is one folder; adding
 * one is that folder, one line in daemon/protocols.ts and one docs page.
 */

import type { Administration } from '../core/administration.ts'
import type { Authentication } from '../core/authentication.ts'
import type { Bus } from '../core/bus.ts'
import type { BusCounters } from '../core/counters.ts'
import type { HistoryBounds } from '../core/history-trimmer.ts'
import type { Peering } from '../core/peering.ts'
import type { Logger } from '../core/logger.ts'
import type { Identity } from '../model/identity.ts'
import type { TopicRule } from '../model/topic-rule.ts'
import type { ListenAddress } from '../net/address.ts'
import type { FrameStream } from '../net/frame-stream.ts'
import type { TlsMaterial } from '../net/server-tls.ts'
import type { WebSocketGates } from '../net/web-socket-gates.ts'
import type { MqttSlot } from './mqtt-administration.ts'

/** What the daemon hands to every adapter at start. */
export interface AdapterContext {
  readonly bus: Bus
  readonly logger: Logger
  /** Version of the daemon, for banners and status answers. */
  readonly version: string
  /** PEM material of the server certificate; undefined without TLS. Reread by `reloadTls`. */
  readonly tls: ServerTls | undefined
  /** Who clients are; absent (tests of an adapter, a daemon without users): `openAuthentication`. */
  readonly authentication?: Authentication | undefined
  /** What administrators ask and change about access; absent in tests of an adapter. */
  readonly administration?: Administration | undefined
  /** All metrics of the daemon in the text format of Prometheus. */
  metricsText(): Promise<string>
  /** What the daemon knows and the bus does not, for status answers; absent in tests of an adapter. */
  readonly describe?: (() => DaemonDescription) | undefined
  /** Where an adapter offers its protocol as a WebSocket on the HTTP port; absent in tests of an adapter. */
  readonly webSockets?: WebSocketGates | undefined
  /** The other daemons; absent in tests of an adapter, undefined until the store is open. */
  readonly peering?: (() => Peering | undefined) | undefined
  /** Where the MQTT adapter says what it can tell; absent in tests of an adapter. */
  readonly mqtt?: MqttSlot | undefined
  /** Takes a link that another daemon has dialled; absent where there are none. */
  readonly acceptLink?: ((stream: FrameStream, identity: Identity) => void) | undefined
}

export interface DaemonDescription {
  /** The engine, as `--storage` names it. */
  readonly storage: string
  /** Absolute. */
  readonly dataFolder: string
  readonly startedAtMs: number
  /** Of all adapters. */
  readonly listeners: readonly BoundListener[]
  /** Clients connected now, those of the daemon itself included. */
  readonly clients: number
  /** Since the start. */
  readonly counters: Readonly<BusCounters>
  /** In the order in which they are asked. */
  readonly topicRules: readonly TopicRule[]
  /** What holds for history on topics without a retention of their own. */
  readonly history: HistoryBounds
  /** Endpoints of the peers that are configured, as they were written. */
  readonly peers: readonly string[]
}

/**
 * Something an adapter needs beside its addresses cannot be had. The message is for the operator: the setting,
 * what was found, and why that does not do.
 */
export class AdapterStartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AdapterStartError'
  }
}

/** What the configuration of every adapter has; each adds its own settings. */
export interface AdapterConfig {
  /**
   * Where to listen, at least one. `tls` of an address decides alone; the daemon has made sure that
   * `context.tls` is there when one asks for it. Starting binds all of them or none: it rejects with
   * the system's error (`isAddressInUse` of net/address.ts recognises one that is taken).
   */
  readonly listen: readonly ListenAddress[]
}

/** Certificates and keys of the daemon, and what clients have to show. */
export type ServerTls = TlsMaterial

/** A bound address as it is printed, listed and written to ready.json. */
export interface BoundListener {
  readonly protocol: string
  /** `host:port` with the real port, or `unix:/path`. */
  readonly address: string
  readonly tls: boolean
}

export interface ProtocolAdapter {
  readonly listeners: readonly BoundListener[]
  /** New connections use the new certificate; established ones go on. */
  reloadTls(tls: ServerTls): void
  /** Refuses new work, lets running calls finish within the grace time, then closes everything. */
  stop(graceMs: number): Promise<void>
}
