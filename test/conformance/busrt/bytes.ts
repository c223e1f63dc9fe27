/**
 * Frames of BUS/RT put together and taken apart by hand (spec/busrt 2 and 3), so that the cases do
 * not stand on the code they judge.
 */

/** What the cases write as hex; blanks are for the eye. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

export const op = {
  publish: 0x01,
  subscribe: 0x02,
  unsubscribe: 0x03,
  exclude: 0x04,
  unexclude: 0x05,
  publishFor: 0x06,
  message: 0x12,
  broadcast: 0x13,
} as const

type Bytes = Uint8Array | string

/** Parts with one NUL between each two. */
export function joined(...parts: readonly Bytes[]): Buffer {
  const pieces = parts.flatMap((part, index) => [
    ...(index === 0 ? [] : [Buffer.from([0])]),
    typeof part === 'string' ? Buffer.from(part) : part,
  ])
  return Buffer.concat(pieces)
}

/** `id`, `flags`, length, body. */
export function request(flags: number, body: Bytes, id = 1): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const header = Buffer.alloc(9)
  header.writeUInt32LE(id, 0)
  header.writeUInt8(flags, 4)
  header.writeUInt32LE(bytes.length, 5)
  return Buffer.concat([header, bytes])
}

export interface Quality {
  /** 0 none, 1 processed, 2 realtime, 3 both; default 1. */
  readonly qos?: number
  readonly id?: number
}

function operation(code: number, { qos = 1, id = 1 }: Quality, body: Bytes): Buffer {
  return request(code | (qos << 6), body, id)
}

export const message = (target: Bytes, payload: Bytes, quality: Quality = {}) =>
  operation(op.message, quality, joined(target, payload))

export const broadcast = (mask: Bytes, payload: Bytes, quality: Quality = {}) =>
  operation(op.broadcast, quality, joined(mask, payload))

export const publish = (topic: Bytes, payload: Bytes, quality: Quality = {}) =>
  operation(op.publish, quality, joined(topic, payload))

export const publishFor = (topic: Bytes, receiver: Bytes, payload: Bytes, quality: Quality = {}) =>
  operation(op.publishFor, quality, joined(topic, receiver, payload))

export const subscribe = (...topics: readonly Bytes[]) =>
  operation(op.subscribe, {}, joined(...topics))

export const unsubscribe = (...topics: readonly Bytes[]) =>
  operation(op.unsubscribe, {}, joined(...topics))

export const exclude = (...topics: readonly Bytes[]) => operation(op.exclude, {}, joined(...topics))

export const unexclude = (...topics: readonly Bytes[]) =>
  operation(op.unexclude, {}, joined(...topics))

export const ping = Buffer.alloc(9)

/** What a broker answers an operation with. */
export function ack(result = 0x01, id = 1): Buffer {
  const frame = Buffer.from([0xfe, 0, 0, 0, 0, result])
  frame.writeUInt32LE(id, 1)
  return frame
}

function delivery(kind: number, body: Buffer, realtime: number): Buffer {
  const header = Buffer.from([kind, 0, 0, 0, 0, realtime])
  header.writeUInt32LE(body.length, 1)
  return Buffer.concat([header, body])
}

/** The deliveries that a client receives. */
export const messageFrom = (sender: string, payload: Bytes, realtime = 0) =>
  delivery(0x12, joined(sender, payload), realtime)

export const broadcastFrom = (sender: string, payload: Bytes, realtime = 0) =>
  delivery(0x13, joined(sender, payload), realtime)

export const publicationFrom = (sender: string, topic: string, payload: Bytes, realtime = 0) =>
  delivery(0x01, joined(sender, topic, payload), realtime)

/** Greeting and name, as a client sends them. */
export function introduction(name: Bytes): Buffer {
  const bytes = typeof name === 'string' ? Buffer.from(name) : name
  const length = Buffer.alloc(2)
  length.writeUInt16LE(bytes.length)
  return Buffer.concat([hex('EB0100'), length, bytes])
}

/** An RPC request (spec/busrt 6.1), to be sent as a message. */
export function rpcRequest(id: number, method: Bytes, params: Bytes = ''): Buffer {
  const header = Buffer.from([0x01, 0, 0, 0, 0])
  header.writeUInt32LE(id, 1)
  return Buffer.concat([header, joined(method, params)])
}

export function rpcReply(id: number, result: Bytes): Buffer {
  const header = Buffer.from([0x11, 0, 0, 0, 0])
  header.writeUInt32LE(id, 1)
  return Buffer.concat([header, typeof result === 'string' ? Buffer.from(result) : result])
}

export function rpcError(id: number, code: number, text: Bytes = ''): Buffer {
  const header = Buffer.from([0x12, 0, 0, 0, 0, 0, 0])
  header.writeUInt32LE(id, 1)
  header.writeInt16LE(code, 5)
  return Buffer.concat([header, typeof text === 'string' ? Buffer.from(text) : text])
}
