/**
 * The arguments of a message (spec/wamp 5.3): the octets of `args` and `kwargs` in the serializer of whoever sent them.
 * They go on unchanged to everybody who speaks the same serializer, and are transcoded once for each other one.
 */

import { copyOf } from '../../base/copy-of.ts'
import { ByteSink } from './byte-sink.ts'
import type { Serializer } from './serializer.ts'
import { emptyDict, type WampArgs, type WampKwargs, type WampValue } from './value.ts'

export class WampPayload {
  readonly serializer: Serializer
  readonly bytes: Uint8Array
  /** `args` stands at `bytes[argsStart..argsEnd)`; both are 0 when there is none. */
  readonly argsStart: number
  readonly argsEnd: number
  /** As `args`; there are `args`, perhaps empty ones, when there are `kwargs`. */
  readonly kwargsStart: number
  readonly kwargsEnd: number
  #others: WampPayload[] | undefined
  #args: readonly WampValue[] | undefined
  #kwargs: ReadonlyMap<WampValue, WampValue> | undefined

  /** @param spans of args and kwargs; empty spans where there are none, or where they are empty and can be left out */
  constructor(
    serializer: Serializer,
    bytes: Uint8Array,
    spans: { argsStart: number; argsEnd: number; kwargsStart: number; kwargsEnd: number },
  ) {
    this.serializer = serializer
    this.bytes = bytes
    this.argsStart = spans.argsStart
    this.argsEnd = spans.argsEnd
    this.kwargsStart = spans.kwargsStart
    this.kwargsEnd = spans.kwargsEnd
  }

  /** Elements they take in a message: 0, 1 or 2. */
  get count(): number {
    if (this.kwargsEnd > this.kwargsStart) return 2
    return this.argsEnd > this.argsStart ? 1 : 0
  }

  /** Of both, and what stands between them. */
  get byteLength(): number {
    if (this.count === 0) return 0
    return (this.hasKwargs ? this.kwargsEnd : this.argsEnd) - this.argsStart
  }

  get hasKwargs(): boolean {
    return this.kwargsEnd > this.kwargsStart
  }

  /** The positional arguments, decoded when they are asked for. */
  get args(): readonly WampValue[] {
    return (this.#args ??= this.#decodeArgs())
  }

  /** The keyword arguments; keys that are not text may stand there in MessagePack and CBOR. */
  get kwargs(): ReadonlyMap<WampValue, WampValue> {
    return (this.#kwargs ??= this.#decodeKwargs())
  }

  /** The same arguments in another serializer; made once. */
  in(serializer: Serializer): WampPayload {
    if (serializer === this.serializer) return this
    const known = this.#others?.find((other) => other.serializer === serializer)
    if (known !== undefined) return known
    const made = encodePayload(serializer, this.args, this.hasKwargs ? this.kwargs : undefined)
    ;(this.#others ??= []).push(made)
    return made
  }

  /** With octets of its own: those of a message that came are borrowed. */
  toOwned(): WampPayload {
    const from = this.count === 0 ? 0 : this.argsStart
    const to = this.hasKwargs ? this.kwargsEnd : this.argsEnd
    return new WampPayload(this.serializer, copyOf(this.bytes, from, to), {
      argsStart: this.argsStart - from,
      argsEnd: this.argsEnd - from,
      kwargsStart: this.hasKwargs ? this.kwargsStart - from : 0,
      kwargsEnd: this.hasKwargs ? this.kwargsEnd - from : 0,
    })
  }

  #decodeArgs(): readonly WampValue[] {
    if (this.argsEnd === this.argsStart) return []
    const value = this.serializer.decode(this.bytes, this.argsStart, this.argsEnd)
    return Array.isArray(value) ? value : []
  }

  #decodeKwargs(): ReadonlyMap<WampValue, WampValue> {
    if (!this.hasKwargs) return emptyDict
    const value = this.serializer.decode(this.bytes, this.kwargsStart, this.kwargsEnd)
    return value instanceof Map ? value : emptyDict
  }
}

/** Empty ones are left out as the sender's rule of spec/wamp 1 says. */
export function encodePayload(
  serializer: Serializer,
  args: WampArgs,
  kwargs?: WampKwargs | ReadonlyMap<WampValue, WampValue>,
): WampPayload {
  const sink = new ByteSink()
  const hasKwargs = kwargs !== undefined && sizeOf(kwargs) > 0
  if (args.length > 0 || hasKwargs) serializer.encode(sink, args)
  const argsEnd = sink.length
  if (hasKwargs) serializer.encode(sink, kwargs)
  const kwargsEnd = sink.length
  const kwargsStart = hasKwargs ? argsEnd : kwargsEnd
  return new WampPayload(serializer, sink.toBytes(), {
    argsStart: 0,
    argsEnd,
    kwargsStart,
    kwargsEnd,
  })
}

function sizeOf(kwargs: WampKwargs | ReadonlyMap<WampValue, WampValue>): number {
  return kwargs instanceof Map ? kwargs.size : Object.keys(kwargs).length
}
