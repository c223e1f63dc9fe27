/**
 * Values of WAMP as all three serializers mean them (spec/wamp 5.1). A message keeps its arguments in the octets in
 * which they came; values are made only where somebody looks inside or where they change their serializer. Integers
 * and floats stay what they are: an integral `number` is an integer, and a float that happens to be integral is a
 * `WampFloat`.
 */

/** A float whose value is integral (or minus zero); any other float is a plain `number`. */
export class WampFloat {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** A point in time: MessagePack ext -1, CBOR tags 0 and 1, RFC 3339 text in JSON. */
export class WampTime {
  readonly seconds: number
  /** 0 to 999,999,999. */
  readonly nanoseconds: number

  constructor(seconds: number, nanoseconds: number) {
    this.seconds = seconds
    this.nanoseconds = nanoseconds
  }
}

/** An extension of MessagePack whose meaning is the application's. */
export class WampExtension {
  readonly type: number
  readonly bytes: Uint8Array

  constructor(type: number, bytes: Uint8Array) {
    this.type = type
    this.bytes = bytes
  }
}

/** A tagged value of CBOR whose meaning is the application's. */
export class WampTag {
  readonly tag: number | bigint
  readonly value: WampValue

  constructor(tag: number | bigint, value: WampValue) {
    this.tag = tag
    this.value = value
  }
}

/** What was decoded. A `bigint` is an integer that is not safe as a `number`. Bytes belong to whoever decoded. */
export type WampValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | WampFloat
  | WampTime
  | WampExtension
  | WampTag
  | readonly WampValue[]
  | WampMap

/** In the order in which the entries came. Keys are texts but in payloads of MessagePack and CBOR. */
export type WampMap = ReadonlyMap<WampValue, WampValue>

/** What can be encoded: values, and plain objects for maps with text keys, whose undefined entries are left out. */
export type WampInput =
  | WampValue
  | undefined
  | readonly WampInput[]
  | { readonly [key: string]: WampInput }
  | ReadonlyMap<string, WampInput>

/** Options and details of a message. */
export type WampDict = ReadonlyMap<string, WampValue>

export const emptyDict: WampDict = new Map()

export type WampArgs = readonly WampInput[]
export type WampKwargs = { readonly [key: string]: WampInput } | ReadonlyMap<string, WampInput>

/** A number that was written as a float. */
export function floatValue(value: number): number | WampFloat {
  return Number.isInteger(value) ? new WampFloat(value) : value
}

/** An integer as the smaller of the two types that hold it exactly. */
export function integerValue(value: bigint): number | bigint {
  return value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n ? Number(value) : value
}

export function isMap(value: WampValue | undefined): value is WampMap {
  return value instanceof Map
}

/** Whether it is a map whose keys are all text. */
export function isDict(value: WampValue | undefined): value is WampDict {
  if (!(value instanceof Map)) return false
  for (const key of value.keys()) if (typeof key !== 'string') return false
  return true
}
