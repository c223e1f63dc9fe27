/**
 * Packets of MQTT by hand, written from the standard alone: what a client sends, and how to take apart what it gets.
 * Everything may be wrong on purpose.
 */

export type Version = 3 | 4 | 5

export type Part = number | string | Uint8Array | readonly Part[]

/** Numbers are bytes; strings are hexadecimal. */
export function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.of(part)
      if (typeof part === 'string') return Buffer.from(part.replaceAll(' ', ''), 'hex')
      return part instanceof Uint8Array ? Buffer.from(part) : bytes(...part)
    }),
  )
}

export function short(value: number): Buffer {
  return Buffer.of(value >>> 8, value & 0xff)
}

export function long(value: number): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(value)
  return four
}

export function varint(value: number): Buffer {
  const out: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return Buffer.from(out)
}

/** A text, or bytes, with a length in front. */
export function text(value: string | Uint8Array): Buffer {
  const body = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)
  return Buffer.concat([short(body.length), body])
}

/** A packet: first byte, length, body. */
export function packet(first: number, ...parts: readonly Part[]): Buffer {
  const body = bytes(...parts)
  return Buffer.concat([Buffer.of(first), varint(body.length), body])
}

/** Properties of 5.0 as one piece with its length. */
export function props(...parts: readonly Part[]): Buffer {
  const body = bytes(...parts)
  return Buffer.concat([varint(body.length), body])
}

export const property = {
  payloadFormat: (value: number) => bytes(0x01, value),
  messageExpiry: (seconds: number) => bytes(0x02, long(seconds)),
  contentType: (value: string) => bytes(0x03, text(value)),
  responseTopic: (value: string) => bytes(0x08, text(value)),
  correlationData: (value: Uint8Array) => bytes(0x09, text(value)),
  subscriptionId: (value: number) => bytes(0x0b, varint(value)),
  sessionExpiry: (seconds: number) => bytes(0x11, long(seconds)),
  authenticationMethod: (value: string) => bytes(0x15, text(value)),
  authenticationData: (value: string) => bytes(0x16, text(value)),
  willDelay: (seconds: number) => bytes(0x18, long(seconds)),
  requestResponse: (value: number) => bytes(0x19, value),
  receiveMaximum: (value: number) => bytes(0x21, short(value)),
  topicAliasMaximum: (value: number) => bytes(0x22, short(value)),
  topicAlias: (value: number) => bytes(0x23, short(value)),
  user: (name: string, value: string) => bytes(0x26, text(name), text(value)),
  maximumPacketSize: (value: number) => bytes(0x27, long(value)),
} as const

export interface WillOptions {
  readonly topic: string | Uint8Array
  readonly payload?: string
  readonly qos?: number
  readonly retain?: boolean
  readonly properties?: Buffer
}

export interface ConnectOptions {
  readonly version?: Version
  readonly id?: string
  /** Clean session, clean start. */
  readonly clean?: boolean
  readonly keepAlive?: number
  /** Of 5.0, without their length. */
  readonly properties?: readonly Part[]
  readonly will?: WillOptions | undefined
  readonly user?: string
  readonly password?: string
  /** Bits set in addition. */
  readonly flags?: number
  readonly level?: number
  readonly protocol?: string
}

export function connect(options: ConnectOptions = {}): Buffer {
  const { version = 5, id = '', clean = true, keepAlive = 0, will, user, password } = options
  const { level = version, protocol = version === 3 ? 'MQIsdp' : 'MQTT' } = options
  const flags =
    (clean ? 2 : 0) |
    (will === undefined ? 0 : 4 | ((will.qos ?? 0) << 3) | (will.retain === true ? 0x20 : 0)) |
    (password === undefined ? 0 : 0x40) |
    (user === undefined ? 0 : 0x80) |
    (options.flags ?? 0)
  const own = version === 5 ? props(...(options.properties ?? [])) : Buffer.alloc(0)
  const parts: Part[] = [text(protocol), level, flags, short(keepAlive), own, text(id)]
  if (will !== undefined) {
    if (version === 5) parts.push(props(will.properties ?? ''))
    parts.push(text(will.topic), text(will.payload ?? ''))
  }
  if (user !== undefined) parts.push(text(user))
  if (password !== undefined) parts.push(text(password))
  return packet(0x10, parts)
}

export interface PublishOptions {
  readonly qos?: number
  readonly id?: number
  readonly retain?: boolean
  readonly dup?: boolean
  readonly properties?: readonly Part[]
}

export function publish(
  version: Version,
  topic: string | Uint8Array,
  payload: string | Uint8Array = '',
  options: PublishOptions = {},
): Buffer {
  const { qos = 0, id = 0, retain = false, dup = false, properties = [] } = options
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
  const own = version === 5 ? props(...properties) : ''
  return packet(first, text(topic), qos > 0 ? short(id) : '', own, Buffer.from(payload))
}

export interface FilterOptions {
  readonly qos?: number
  readonly noLocal?: boolean
  readonly retainAsPublished?: boolean
  readonly retainHandling?: number
}

export type FilterRequest = readonly [filter: string | Uint8Array, options?: FilterOptions]

export function subscribe(
  version: Version,
  id: number,
  filters: readonly FilterRequest[],
  properties: readonly Part[] = [],
): Buffer {
  const requests = filters.map(([filter, options = {}]) => {
    const { qos = 0, noLocal = false, retainAsPublished = false, retainHandling = 0 } = options
    const bits = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4)
    return bytes(text(filter), bits)
  })
  return packet(0x82, short(id), version === 5 ? props(...properties) : '', requests)
}

export function unsubscribe(version: Version, id: number, filters: readonly string[]): Buffer {
  return packet(0xa2, short(id), version === 5 ? props() : '', filters.map(text))
}

export const puback = (id: number, reason?: number) => ack(0x40, id, reason)
export const pubrec = (id: number, reason?: number) => ack(0x50, id, reason)
export const pubrel = (id: number, reason?: number) => ack(0x62, id, reason)
export const pubcomp = (id: number, reason?: number) => ack(0x70, id, reason)
export const pingreq = packet(0xc0)

function ack(first: number, id: number, reason: number | undefined): Buffer {
  return packet(first, short(id), reason === undefined ? '' : reason)
}

export function disconnect(reason?: number, properties: readonly Part[] = []): Buffer {
  if (reason === undefined) return packet(0xe0)
  return packet(0xe0, reason, properties.length === 0 ? '' : props(...properties))
}

/** A PUBLISH as it came. */
export interface Published {
  readonly topic: string
  readonly payload: string
  readonly qos: number
  readonly dup: boolean
  readonly retain: boolean
  readonly id: number
  /** In the order in which they stand: number and value. Empty before 5.0. */
  readonly properties: readonly (readonly [number, string | number])[]
}

export function readPublish(version: Version, whole: Buffer): Published {
  const first = whole.readUInt8(0)
  let at = 1
  while ((whole[at] ?? 0) >= 0x80) at += 1
  at += 1
  const length = whole.readUInt16BE(at)
  const topic = whole.toString('utf8', at + 2, at + 2 + length)
  at += 2 + length
  const qos = (first >>> 1) & 3
  const id = qos > 0 ? whole.readUInt16BE(at) : 0
  if (qos > 0) at += 2
  let properties: Published['properties'] = []
  if (version === 5) {
    const [size, start] = readVarint(whole, at)
    properties = readProperties(whole.subarray(start, start + size))
    at = start + size
  }
  const payload = whole.toString('utf8', at)
  const [dup, retain] = [(first & 8) !== 0, (first & 1) !== 0]
  return { topic, payload, qos, dup, retain, id, properties }
}

export function readProperties(of: Buffer): (readonly [number, string | number])[] {
  const found: (readonly [number, string | number])[] = []
  let at = 0
  const readText = () => {
    const length = of.readUInt16BE(at)
    at += 2 + length
    return of.subarray(at - length, at)
  }
  while (at < of.length) {
    const id = of.readUInt8(at)
    at += 1
    if ([0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a].includes(id)) {
      found.push([id, of.readUInt8(at)])
      at += 1
    } else if ([0x13, 0x21, 0x22, 0x23].includes(id)) {
      found.push([id, of.readUInt16BE(at)])
      at += 2
    } else if ([0x02, 0x11, 0x18, 0x27].includes(id)) {
      found.push([id, of.readUInt32BE(at)])
      at += 4
    } else if (id === 0x0b) {
      const [value, next] = readVarint(of, at)
      found.push([id, value])
      at = next
    } else if (id === 0x26) found.push([id, `${String(readText())}=${String(readText())}`])
    else found.push([id, readText().toString('utf8')])
  }
  return found
}

/** Value, and where it ends. */
export function readVarint(of: Uint8Array, start: number): readonly [number, number] {
  let value = 0
  for (let at = start, scale = 1; ; at++, scale *= 128) {
    const byte = of[at] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return [value, at + 1]
  }
}
