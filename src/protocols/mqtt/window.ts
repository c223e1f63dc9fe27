/**
 * The messages of one session that were sent with QoS 1 or 2 and are not done (spec/mqtt 6): each has a packet
 * identifier, in the order in which they were sent. Of what is stored only the place in the commit order is kept; it
 * is read again should it have to be sent again.
 */

import { protocolError, type Qos } from './packets.ts'
import type { KeptMessage } from './kept-message.ts'

export interface InFlight {
  readonly id: number
  readonly qos: Exclude<Qos, 0>
  /** Place in the commit order; 0: it is not stored. */
  readonly sequence: number
  readonly topic: string
  /** Present when it is not stored. */
  readonly message: KeptMessage | undefined
  readonly retain: boolean
  /** Subscription identifiers as encoded properties. */
  readonly ids: Uint8Array
  /** PUBREL went out: the message is never sent again. */
  isReleased: boolean
  /** Key of the group it was given out for; undefined: it is the session's own. */
  readonly group: string | undefined
}

const highestId = 65_535

export class Window {
  readonly #inFlight = new Map<number, InFlight>()
  #lastId = 0

  get size(): number {
    return this.#inFlight.size
  }

  has(inFlight: InFlight): boolean {
    return this.#inFlight.get(inFlight.id) === inFlight
  }

  /** In the order in which they were sent. */
  values(): Iterable<InFlight> {
    return this.#inFlight.values()
  }

  /** Takes in what another connection left. */
  load(inFlight: InFlight): void {
    this.#inFlight.set(inFlight.id, inFlight)
    this.#lastId = inFlight.id
  }

  add(message: Omit<InFlight, 'id' | 'isReleased'>): InFlight {
    do this.#lastId = this.#lastId === highestId ? 1 : this.#lastId + 1
    while (this.#inFlight.has(this.#lastId))
    const inFlight = { ...message, id: this.#lastId, isReleased: false }
    this.#inFlight.set(inFlight.id, inFlight)
    return inFlight
  }

  /** Answers what had this identifier. */
  delete(id: number): InFlight | undefined {
    const found = this.#inFlight.get(id)
    this.#inFlight.delete(id)
    return found
  }

  /**
   * PUBACK: done, whatever its reason. Answers what was done; undefined: nothing has this identifier.
   * @throws MqttError when that is not what the message waits for
   */
  acknowledged(id: number): InFlight | undefined {
    const found = this.#inFlight.get(id)
    if (found === undefined) return undefined
    if (found.qos !== 1) throw protocolError('PUBACK for a message of QoS 2')
    this.#inFlight.delete(id)
    return found
  }

  /** PUBREC that says success: the message waits for PUBCOMP from now on. As `acknowledged`. */
  received(id: number): InFlight | undefined {
    const found = this.#requireQos2(id, 'PUBREC')
    if (found !== undefined) found.isReleased = true
    return found
  }

  /** PUBREC with an error: done. As `acknowledged`. */
  refused(id: number): InFlight | undefined {
    const found = this.#requireQos2(id, 'PUBREC')
    if (found !== undefined) this.#inFlight.delete(id)
    return found
  }

  /** PUBCOMP: done. As `acknowledged`. */
  completed(id: number): InFlight | undefined {
    const found = this.#requireQos2(id, 'PUBCOMP')
    if (found?.isReleased === false) throw protocolError('PUBCOMP before PUBREC')
    if (found !== undefined) this.#inFlight.delete(id)
    return found
  }

  #requireQos2(id: number, packet: string): InFlight | undefined {
    const found = this.#inFlight.get(id)
    if (found?.qos === 1) throw protocolError(`${packet} for a message of QoS 1`)
    return found
  }
}
