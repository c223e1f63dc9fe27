/**
 * What the daemon tells about itself below `$SYS/broker`, under the names that Mosquitto gave them (spec/mqtt 6, 8): to a
 * new subscription at once, as if it were retained, and to all others when it changes. Messages and bytes are those of
 * all protocols, clients those of MQTT.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { RetainedMessage } from '../../core/retained-messages.ts'
import { levelFilterMatcher } from '../../core/topic-tree.ts'
import { daemonIdentity } from '../../model/identity.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { headersOf } from './message-properties.ts'
import type { MqttCounters } from './counters.ts'

export interface SystemTopicsOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly version: string
  readonly counters: Readonly<MqttCounters>
  /** Sessions of MQTT, and how many of them have a connection. */
  readonly sessions: () => { readonly size: number; readonly connected: number }
}

const headers = headersOf(
  { qos: 0, retain: true, properties: new Uint8Array(0), messageExpiry: -1 },
  0,
)
const root = '$SYS/broker'

export class SystemTopics {
  readonly #options: SystemTopicsOptions
  readonly #startedAtMs: number
  /** As they were told last. */
  readonly #told = new Map<string, string>()
  #mostClients = 0
  #client: BusClient | undefined

  constructor(options: SystemTopicsOptions) {
    this.#options = options
    this.#startedAtMs = options.clock.monotonic()
  }

  /** Those that match, as they are now. */
  *match(filter: string): Iterable<RetainedMessage> {
    // No other filter of MQTT sees them.
    if (!filter.startsWith('$SYS/')) return
    const matches = levelFilterMatcher(levelFilter('mqtt', filter))
    const createdAtMs = this.#options.clock.now()
    for (const [topic, value] of Object.entries(this.#values())) {
      if (matches(topic)) yield { topic, payload: Buffer.from(value), headers, createdAtMs }
    }
  }

  /** Tells what has changed. */
  tell(): void {
    const client = (this.#client ??= this.#options.bus.connect(daemonIdentity, {
      protocol: 'mqtt',
      transport: 'internal',
    }))
    for (const [topic, value] of Object.entries(this.#values())) {
      if (this.#told.get(topic) === value) continue
      this.#told.set(topic, value)
      const name = Buffer.byteLength(topic)
      const all = Buffer.from(topic + value)
      client.live.publish(all, 0, name, name, all.length, false, undefined, headers)
    }
  }

  close(): void {
    this.#client?.close()
  }

  #values(): Readonly<Record<string, string>> {
    const { bus, clock, version, counters, sessions } = this.#options
    const { size, connected } = sessions()
    this.#mostClients = Math.max(this.#mostClients, connected)
    const traffic = bus.traffic()
    const uptime = Math.floor((clock.monotonic() - this.#startedAtMs) / 1_000)
    const values = {
      version: `msgbus version ${version}`,
      uptime: `${uptime} seconds`,
      'clients/total': size,
      'clients/connected': connected,
      'clients/disconnected': size - connected,
      'clients/maximum': this.#mostClients,
      'messages/received': traffic.receivedFrames,
      'messages/sent': traffic.sentFrames,
      'bytes/received': traffic.receivedBytes,
      'bytes/sent': traffic.sentBytes,
      'publish/messages/dropped': counters.messagesDropped,
    }
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [`${root}/${name}`, String(value)]),
    )
  }
}
