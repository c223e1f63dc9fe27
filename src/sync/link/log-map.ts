/** A map whose keys are logs, looked up without building a text for each message that passes. */

import type { LogKey } from '../../model/message.ts'
import { type NodeId, nodeIdEquals } from '../../model/node-id.ts'

export class LogMap<Value extends LogKey> {
  /** Most topics are written by one node or a few. */
  readonly #topics = new Map<string, Value[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(topic: string, origin: NodeId): Value | undefined {
    const values = this.#topics.get(topic)
    if (values === undefined) return undefined
    for (const value of values) if (nodeIdEquals(value.origin, origin)) return value
    return undefined
  }

  /** For a log that is not in the map. */
  add(value: Value): void {
    this.#size += 1
    const values = this.#topics.get(value.topic)
    if (values === undefined) this.#topics.set(value.topic, [value])
    else values.push(value)
  }

  *values(): Generator<Value> {
    for (const values of this.#topics.values()) yield* values
  }
}
