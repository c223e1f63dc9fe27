/**
 * What the adapter itself publishes: wills (spec/mqtt 9), and the end of retained messages that have expired. Whatever
 * has to be written down about it goes into the same commit.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { NoteChange } from '../../core/log-store.ts'
import type { Logger } from '../../core/logger.ts'
import { toBusError } from '../../model/errors.ts'
import { daemonIdentity, type Identity } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import { headersOf } from './message-properties.ts'
import { encodeProperties } from './packet-writer.ts'
import type { Will } from './packets.ts'

export interface WillsOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
}

/** Whose a will is. */
export interface Testator {
  readonly identity: Identity
  readonly clientId: string
}

export class Wills {
  readonly #options: WillsOptions
  readonly #underWay = new Set<Promise<void>>()
  #daemon: BusClient | undefined

  constructor(options: WillsOptions) {
    this.#options = options
  }

  /**
   * Hands a will to the bus before it returns; a refusal is logged.
   * @param testator whose it is: rules hold for the dead as for the living
   * @param notes written with it
   */
  publish(will: Will, testator: Testator, notes: readonly NoteChange[] = []): Promise<void> {
    return this.#own(() => this.#publish(will, testator, notes))
  }

  forgetRetained(topic: string): void {
    const nothing = { topic, payload: new Uint8Array(0), headers: noHeaders }
    void this.#own(() => this.#asDaemon().retained.set(nothing))
  }

  /** Resolves when the store has everything. */
  async close(): Promise<void> {
    await Promise.all(this.#underWay)
    this.#daemon?.close()
  }

  async #publish(
    will: Will,
    { identity, clientId }: Testator,
    notes: readonly NoteChange[],
  ): Promise<void> {
    const client = this.#options.bus.connect(identity, { ...internal, ruleName: clientId })
    try {
      await this.#publishAs(client, will, notes)
    } finally {
      client.close()
    }
  }

  async #publishAs(client: BusClient, will: Will, notes: readonly NoteChange[]): Promise<void> {
    const { topic, payload, qos, retain, properties } = will
    const { messageExpiry = -1, willDelay: _delay, ...passedOn } = properties
    const traits = { qos, retain, properties: encodeProperties(passedOn), messageExpiry }
    const headers = headersOf(traits, this.#options.clock.now())
    if (qos > 0) {
      const message = { topic, payload, headers, history: true, retain }
      const [outcome] = await client.publish([message], notes)
      if (outcome?.kind !== 'rejected') return
      await this.#write(notes)
      throw outcome.error
    }
    const name = Buffer.from(topic)
    const all = Buffer.concat([name, payload])
    const kept = retain ? client.retained.set({ topic, payload, headers }) : undefined
    client.live.publish(all, 0, name.length, name.length, all.length, false, undefined, headers)
    await Promise.all([kept, this.#write(notes)])
  }

  async #write(notes: readonly NoteChange[]): Promise<void> {
    if (notes.length > 0) await this.#options.bus.store?.writeNotes(notes)
  }

  /** Never rejects. */
  async #own(task: () => Promise<void>): Promise<void> {
    const done = task().catch((error: unknown) => {
      this.#options.logger.warn('mqtt_will_failed', { reason: toBusError(error).reason })
    })
    this.#underWay.add(done)
    await done
    this.#underWay.delete(done)
  }

  #asDaemon(): BusClient {
    return (this.#daemon ??= this.#options.bus.connect(daemonIdentity, internal))
  }
}

const internal = { protocol: 'mqtt', transport: 'internal' } as const
