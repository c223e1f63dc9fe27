/** Reads the maps that the broker answers with; what is not as it should be is an error and no guess. */

import { BusError } from '../../model/errors.ts'

export class AnswerMap {
  readonly #method: string
  readonly #map: Readonly<Record<string, unknown>>

  /** @throws BusError `internal/undecodable` when the answer is no map; so do the methods */
  constructor(method: string, answer: unknown) {
    this.#method = method
    if (!isMap(answer)) throw this.#fault('is no map')
    this.#map = answer
  }

  text(key: string): string {
    const value = this.#map[key]
    if (typeof value !== 'string') throw this.#fault(`has no text ${key}`)
    return value
  }

  /** Undefined for nil and for a missing key. */
  optionalText(key: string): string | undefined {
    return this.#map[key] === null || this.#map[key] === undefined ? undefined : this.text(key)
  }

  number(key: string): number {
    const value = this.#map[key]
    if (typeof value !== 'number') throw this.#fault(`has no number ${key}`)
    return value
  }

  optionalNumber(key: string): number | undefined {
    return this.#map[key] === null || this.#map[key] === undefined ? undefined : this.number(key)
  }

  boolean(key: string): boolean {
    const value = this.#map[key]
    if (typeof value !== 'boolean') throw this.#fault(`has no true or false ${key}`)
    return value
  }

  bytes(key: string): Uint8Array {
    const value = this.#map[key]
    if (!(value instanceof Uint8Array)) throw this.#fault(`has no bytes ${key}`)
    return value
  }

  /** Keys and values that are all texts. */
  texts(key: string): ReadonlyMap<string, string> {
    const value = this.#map[key]
    const map = new AnswerMap(this.#method, value)
    return new Map(Object.keys(map.#map).map((name) => [name, map.text(name)]))
  }

  list(key: string): readonly unknown[] {
    const value = this.#map[key]
    if (!Array.isArray(value)) throw this.#fault(`has no list ${key}`)
    return value
  }

  maps(key: string): readonly AnswerMap[] {
    return this.list(key).map((entry) => new AnswerMap(this.#method, entry))
  }

  #fault(what: string): BusError {
    return new BusError('internal', 'undecodable', `the answer of ${this.#method} ${what}`)
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
  )
}
