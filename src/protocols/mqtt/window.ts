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
const fewestPlaces = 16

/**
 * The places are a ring of a power of two, at least twice as many as there are messages: an identifier has the place of
 * its last bits, so that finding one is a look into an array. One whose place is taken is passed over.
 */
export class Window {
  #places: (InFlight | undefined)[] = []
  #size = 0
  #lastId = 0

  get size(): number {
    return this.#size
  }

  has(inFlight: InFlight): boolean {
    return this.#find(inFlight.id) === inFlight
  }

  /** In the order in which they were sent, as they are now. */
  values(): InFlight[] {
    const all: InFlight[] = []
    for (const each of this.#places) if (each !== undefined) all.push(each)
    // Identifiers count upward: the oldest is the farthest behind the last one.
    const age = ({ id }: InFlight) => (this.#lastId - id + highestId) % highestId
    return all.sort((one, other) => age(other) - age(one))
  }

  /** Takes in what another connection left, in its order. */
  load(inFlight: InFlight): void {
    // Nobody writes one twice; what was written so all the same must not be looked for a place without end.
    if (this.#find(inFlight.id) !== undefined) return
    while (this.#isCrowded || this.#at(inFlight.id) !== undefined) this.#grow()
    this.#put(inFlight)
    this.#lastId = inFlight.id
  }

  /** The identifier that the next message gets. There is always one: windows are smaller than the identifiers are many. */
  nextId(): number {
    if (this.#isCrowded) this.#grow()
    do this.#lastId = this.#lastId === highestId ? 1 : this.#lastId + 1
    while (this.#at(this.#lastId) !== undefined)
    return this.#lastId
  }

  /** Takes in one that `nextId` was asked for. */
  add(inFlight: InFlight): void {
    this.#put(inFlight)
  }

  /** Answers what had this identifier. */
  delete(id: number): InFlight | undefined {
    const found = this.#find(id)
    if (found !== undefined) this.#remove(found)
    return found
  }

  /**
   * PUBACK: done, whatever its reason. Answers what was done; undefined: nothing has this identifier.
   * @throws MqttError when that is not what the message waits for
   */
  acknowledged(id: number): InFlight | undefined {
    const found = this.#find(id)
    if (found === undefined) return undefined
    if (found.qos !== 1) throw protocolError('PUBACK for a message of QoS 2')
    this.#remove(found)
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
    if (found !== undefined) this.#remove(found)
    return found
  }

  /** PUBCOMP: done. As `acknowledged`. */
  completed(id: number): InFlight | undefined {
    const found = this.#requireQos2(id, 'PUBCOMP')
    if (found?.isReleased === false) throw protocolError('PUBCOMP before PUBREC')
    if (found !== undefined) this.#remove(found)
    return found
  }

  #requireQos2(id: number, packet: string): InFlight | undefined {
    const found = this.#find(id)
    if (found?.qos === 1) throw protocolError(`${packet} for a message of QoS 1`)
    return found
  }

  #find(id: number): InFlight | undefined {
    const found = this.#at(id)
    return found?.id === id ? found : undefined
  }

  #at(id: number): InFlight | undefined {
    return this.#places[id & (this.#places.length - 1)]
  }

  #put(inFlight: InFlight): void {
    this.#places[inFlight.id & (this.#places.length - 1)] = inFlight
    this.#size += 1
  }

  #remove({ id }: InFlight): void {
    this.#places[id & (this.#places.length - 1)] = undefined
    this.#size -= 1
  }

  get #isCrowded(): boolean {
    // The largest ring has a place for each identifier.
    return this.#size * 2 >= this.#places.length && this.#places.length <= highestId
  }

  #grow(): void {
    const before = this.#places
    const length = Math.max(fewestPlaces, before.length * 2)
    this.#places = Array.from({ length }, () => undefined)
    for (const each of before) {
      if (each !== undefined) this.#places[each.id & (length - 1)] = each
    }
  }
}
