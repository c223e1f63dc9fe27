/**
 * The messages and services of msgbus.v2. Generated from proto/msgbus/v2/link.proto by
 * scripts/generate-wire.mjs; change the contract or the generator, then `npm run generate`.
 *
 * Decoded `bytes` are views into what was decoded, valid as long as that is. A uint64 above 2^53-1
 * comes as Number.MAX_SAFE_INTEGER, and a number above it is written as 2^64-1. Encoding takes
 * messages with any field left out. Decoding throws ProtoDecodeError and nothing else.
 */

import { emptyBytes, emptyStringMap, ProtoReader } from '../../base/proto-reader.ts'
import { ProtoWriter, type ProtoInit } from '../../base/proto-writer.ts'

/** Everything that one side had to say in one turn, to be read in the order of the fields. */
export interface LinkFrame {
  readonly hello: LinkHello | undefined
  /** The stream ends after this frame, and why. */
  readonly close: LinkClose | undefined
  /** What is not stored, and queue messages: bytes that mean nothing to this contract, in order. */
  readonly live: readonly Uint8Array[]
  /** So many bytes were dealt with; as many more may come. What counts is the whole of each frame that holds batches. */
  readonly credit: number
  /**
   * Heads that are new to the other side: all of them after the hello, but for those that it knows from before
   * (`LinkHello.known`), then those of logs that grow and that the other side did not ask for.
   */
  readonly heads: readonly LinkHead[]
  readonly wants: readonly LinkWant[]
  /** Wants that are over; what is on its way for them is for nobody. */
  readonly stops: readonly LinkStop[]
  readonly batches: readonly LinkBatch[]
  /** What of the batches is stored here, as durably as this side is configured. */
  readonly stored: readonly LinkStored[]
  /**
   * Everything that was stored at the sender up to this place in its commit order was told, by heads or by batches.
   * 0: nothing new to say.
   */
  readonly position: number
  /** Any number but 0; the other side answers with it in `pong`. */
  readonly ping: number
  readonly pong: number
  /** All heads that were to be told when the link came up were told. */
  readonly listed: boolean
}

export interface LinkNode {
  readonly tenantId: string
  readonly blName: string
  readonly deviceId: string
}

export interface LinkHello {
  /** 1. A side that knows less than the other goes by the smaller one. */
  readonly version: number
  readonly node: LinkNode | undefined
  /** Of the store: another epoch is another history. */
  readonly epoch: string
  /** Bytes of batches that may come before credit is given. */
  readonly windowBytes: number
  /** Messages that take more than this many bytes, encoded, cannot be taken. */
  readonly envelopeBytes: number
  /**
   * Up to where this side was told of heads by the other, in an earlier connection: that needs not be told again.
   * Means nothing unless the epoch is the same.
   */
  readonly knownEpoch: string
  readonly knownPosition: number
  /** This side takes no messages, or gives none. */
  readonly takesNothing: boolean
  readonly givesNothing: boolean
}

export interface LinkClose {
  /** Name of a gRPC code in lower case: `failed_precondition`. */
  readonly code: string
  /** A stable word: `already_linked`. */
  readonly reason: string
  /** For people. */
  readonly message: string
}

/** A log, and the head id of its newest message. */
export interface LinkHead {
  readonly topic: string
  readonly origin: LinkNode | undefined
  readonly headId: number
}

/**
 * Everything of a log from a head id on, now and later, until it is stopped. Of several wants of one log the
 * last one counts.
 */
export interface LinkWant {
  /** Chosen by who asks, from 1 and each larger than the one before; batches say it again. */
  readonly number: number
  readonly topic: string
  readonly origin: LinkNode | undefined
  readonly fromHeadId: number
  /** This many messages and no more, then it is over. 0: no bound. */
  readonly limit: number
}

export interface LinkStop {
  readonly number: number
}

/** Messages of one log in order, without gap, and without gap after the batch before of the same number. */
export interface LinkBatch {
  readonly number: number
  readonly firstHeadId: number
  readonly messages: readonly LinkMessage[]
  /** The newest head id of the log; larger than that of the last message: more is to come. */
  readonly headId: number
  /** Set: nothing more comes for this number, and why. `failure` is a reason word. */
  readonly failure: string
  readonly failureMessage: string
}

/** One message. Its head id is that of the batch, and one more for each that stands before it. */
export interface LinkMessage {
  /** Sixteen bytes of an id that is a UUID in its usual form, in lower case. */
  readonly uuid: Uint8Array
  /** Any other id. */
  readonly id: string
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  readonly createdAtMs: number
  readonly deleted: boolean
}

export interface LinkStored {
  readonly number: number
  readonly headId: number
}

/** The methods of msgbus.v2.LinkService. */
export const linkService = {
  /**
   * The first frame of each side is its hello. A node has one link to another node: FAILED_PRECONDITION
   * (already_linked) says that it has, over a connection that the accepting side dialled.
   * buf:lint:ignore RPC_REQUEST_RESPONSE_UNIQUE
   * buf:lint:ignore RPC_REQUEST_STANDARD_NAME
   * buf:lint:ignore RPC_RESPONSE_STANDARD_NAME
   */
  connect: {
    path: '/msgbus.v2.LinkService/Connect',
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeLinkFrame,
    requestDeserialize: decodeLinkFrame,
    responseSerialize: encodeLinkFrame,
    responseDeserialize: decodeLinkFrame,
  },
} as const

/** `linkService` for whoever calls it. */
export const linkServiceCalls = {
  connect: {
    path: '/msgbus.v2.LinkService/Connect',
    requestSerialize: encodeLinkFrame,
    responseDeserialize: decodeLinkFrame,
  },
} as const

export function encodeLinkFrame(message: ProtoInit<LinkFrame>): Uint8Array {
  sharedWriter.reset()
  writeLinkFrame(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeLinkFrame(bytes: Uint8Array): LinkFrame {
  return readLinkFrame(new ProtoReader(bytes), bytes.length, undefined)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkFrame(writer: ProtoWriter, message: ProtoInit<LinkFrame>): void {
  if (message.hello !== undefined) writeNestedLinkHello(writer, 10, message.hello)
  if (message.close !== undefined) writeNestedLinkClose(writer, 18, message.close)
  if (message.live !== undefined) for (const item of message.live) writer.bytes(26, item)
  if (message.credit) writer.uint64(32, message.credit)
  if (message.heads !== undefined)
    for (const item of message.heads) writeNestedLinkHead(writer, 42, item)
  if (message.wants !== undefined)
    for (const item of message.wants) writeNestedLinkWant(writer, 50, item)
  if (message.stops !== undefined)
    for (const item of message.stops) writeNestedLinkStop(writer, 58, item)
  if (message.batches !== undefined)
    for (const item of message.batches) writeNestedLinkBatch(writer, 66, item)
  if (message.stored !== undefined)
    for (const item of message.stored) writeNestedLinkStored(writer, 74, item)
  if (message.position) writer.uint64(80, message.position)
  if (message.ping) writer.uint64(88, message.ping)
  if (message.pong) writer.uint64(96, message.pong)
  if (message.listed) writer.bool(104, message.listed)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkNode(writer: ProtoWriter, message: ProtoInit<LinkNode>): void {
  if (message.tenantId) writer.string(10, message.tenantId)
  if (message.blName) writer.string(18, message.blName)
  if (message.deviceId) writer.string(26, message.deviceId)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkHello(writer: ProtoWriter, message: ProtoInit<LinkHello>): void {
  if (message.version) writer.uint32(8, message.version)
  if (message.node !== undefined) writeNestedLinkNode(writer, 18, message.node)
  if (message.epoch) writer.string(26, message.epoch)
  if (message.windowBytes) writer.uint64(32, message.windowBytes)
  if (message.envelopeBytes) writer.uint64(40, message.envelopeBytes)
  if (message.knownEpoch) writer.string(50, message.knownEpoch)
  if (message.knownPosition) writer.uint64(56, message.knownPosition)
  if (message.takesNothing) writer.bool(64, message.takesNothing)
  if (message.givesNothing) writer.bool(72, message.givesNothing)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkClose(writer: ProtoWriter, message: ProtoInit<LinkClose>): void {
  if (message.code) writer.string(10, message.code)
  if (message.reason) writer.string(18, message.reason)
  if (message.message) writer.string(26, message.message)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkHead(writer: ProtoWriter, message: ProtoInit<LinkHead>): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedLinkNode(writer, 18, message.origin)
  if (message.headId) writer.uint64(24, message.headId)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkWant(writer: ProtoWriter, message: ProtoInit<LinkWant>): void {
  if (message.number) writer.uint32(8, message.number)
  if (message.topic) writer.string(18, message.topic)
  if (message.origin !== undefined) writeNestedLinkNode(writer, 26, message.origin)
  if (message.fromHeadId) writer.uint64(32, message.fromHeadId)
  if (message.limit) writer.uint64(40, message.limit)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkStop(writer: ProtoWriter, message: ProtoInit<LinkStop>): void {
  if (message.number) writer.uint32(8, message.number)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkBatch(writer: ProtoWriter, message: ProtoInit<LinkBatch>): void {
  if (message.number) writer.uint32(8, message.number)
  if (message.firstHeadId) writer.uint64(16, message.firstHeadId)
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedLinkMessage(writer, 26, item)
  if (message.headId) writer.uint64(32, message.headId)
  if (message.failure) writer.string(42, message.failure)
  if (message.failureMessage) writer.string(50, message.failureMessage)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkMessage(writer: ProtoWriter, message: ProtoInit<LinkMessage>): void {
  if (message.uuid !== undefined && message.uuid.length > 0) writer.bytes(10, message.uuid)
  if (message.id) writer.string(18, message.id)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(26, message.payload)
  if (message.headers !== undefined) writer.stringMap(34, message.headers)
  if (message.createdAtMs) writer.uint64(40, message.createdAtMs)
  if (message.deleted) writer.bool(48, message.deleted)
}

/** Appends the fields of a message, without a length before them. */
export function writeLinkStored(writer: ProtoWriter, message: ProtoInit<LinkStored>): void {
  if (message.number) writer.uint32(8, message.number)
  if (message.headId) writer.uint64(16, message.headId)
}

let widthLinkNode = 1

/** Appends a message as a field of another. */
export function writeNestedLinkNode(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkNode>,
): void {
  const start = writer.begin(tag, widthLinkNode)
  writeLinkNode(writer, message)
  widthLinkNode = writer.end(start, widthLinkNode)
}

let widthLinkHello = 1

/** Appends a message as a field of another. */
export function writeNestedLinkHello(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkHello>,
): void {
  const start = writer.begin(tag, widthLinkHello)
  writeLinkHello(writer, message)
  widthLinkHello = writer.end(start, widthLinkHello)
}

let widthLinkClose = 1

/** Appends a message as a field of another. */
export function writeNestedLinkClose(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkClose>,
): void {
  const start = writer.begin(tag, widthLinkClose)
  writeLinkClose(writer, message)
  widthLinkClose = writer.end(start, widthLinkClose)
}

let widthLinkHead = 1

/** Appends a message as a field of another. */
export function writeNestedLinkHead(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkHead>,
): void {
  const start = writer.begin(tag, widthLinkHead)
  writeLinkHead(writer, message)
  widthLinkHead = writer.end(start, widthLinkHead)
}

let widthLinkWant = 1

/** Appends a message as a field of another. */
export function writeNestedLinkWant(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkWant>,
): void {
  const start = writer.begin(tag, widthLinkWant)
  writeLinkWant(writer, message)
  widthLinkWant = writer.end(start, widthLinkWant)
}

let widthLinkStop = 1

/** Appends a message as a field of another. */
export function writeNestedLinkStop(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkStop>,
): void {
  const start = writer.begin(tag, widthLinkStop)
  writeLinkStop(writer, message)
  widthLinkStop = writer.end(start, widthLinkStop)
}

let widthLinkBatch = 1

/** Appends a message as a field of another. */
export function writeNestedLinkBatch(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkBatch>,
): void {
  const start = writer.begin(tag, widthLinkBatch)
  writeLinkBatch(writer, message)
  widthLinkBatch = writer.end(start, widthLinkBatch)
}

let widthLinkMessage = 1

/** Appends a message as a field of another. */
export function writeNestedLinkMessage(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkMessage>,
): void {
  const start = writer.begin(tag, widthLinkMessage)
  writeLinkMessage(writer, message)
  widthLinkMessage = writer.end(start, widthLinkMessage)
}

let widthLinkStored = 1

/** Appends a message as a field of another. */
export function writeNestedLinkStored(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LinkStored>,
): void {
  const start = writer.begin(tag, widthLinkStored)
  writeLinkStored(writer, message)
  widthLinkStored = writer.end(start, widthLinkStored)
}

function readLinkFrame(
  reader: ProtoReader,
  end: number,
  previous: LinkFrame | undefined,
): LinkFrame {
  let hello = previous?.hello
  let close = previous?.close
  const live: Uint8Array[] = previous === undefined ? [] : [...previous.live]
  let credit = previous?.credit ?? 0
  const heads: LinkHead[] = previous === undefined ? [] : [...previous.heads]
  const wants: LinkWant[] = previous === undefined ? [] : [...previous.wants]
  const stops: LinkStop[] = previous === undefined ? [] : [...previous.stops]
  const batches: LinkBatch[] = previous === undefined ? [] : [...previous.batches]
  const stored: LinkStored[] = previous === undefined ? [] : [...previous.stored]
  let position = previous?.position ?? 0
  let ping = previous?.ping ?? 0
  let pong = previous?.pong ?? 0
  let listed = previous?.listed ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        hello = readLinkHello(reader, reader.nested(end), hello)
        break
      case 18:
        close = readLinkClose(reader, reader.nested(end), close)
        break
      case 26:
        live.push(reader.bytes(end))
        break
      case 32:
        credit = reader.uint64()
        break
      case 42:
        heads.push(readLinkHead(reader, reader.nested(end), undefined))
        break
      case 50:
        wants.push(readLinkWant(reader, reader.nested(end), undefined))
        break
      case 58:
        stops.push(readLinkStop(reader, reader.nested(end), undefined))
        break
      case 66:
        batches.push(readLinkBatch(reader, reader.nested(end), undefined))
        break
      case 74:
        stored.push(readLinkStored(reader, reader.nested(end), undefined))
        break
      case 80:
        position = reader.uint64()
        break
      case 88:
        ping = reader.uint64()
        break
      case 96:
        pong = reader.uint64()
        break
      case 104:
        listed = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    hello,
    close,
    live,
    credit,
    heads,
    wants,
    stops,
    batches,
    stored,
    position,
    ping,
    pong,
    listed,
  }
}

function readLinkNode(reader: ProtoReader, end: number, previous: LinkNode | undefined): LinkNode {
  let tenantId = previous?.tenantId ?? ''
  let blName = previous?.blName ?? ''
  let deviceId = previous?.deviceId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        tenantId = reader.string(end)
        break
      case 18:
        blName = reader.string(end)
        break
      case 26:
        deviceId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { tenantId, blName, deviceId }
}

function readLinkHello(
  reader: ProtoReader,
  end: number,
  previous: LinkHello | undefined,
): LinkHello {
  let version = previous?.version ?? 0
  let node = previous?.node
  let epoch = previous?.epoch ?? ''
  let windowBytes = previous?.windowBytes ?? 0
  let envelopeBytes = previous?.envelopeBytes ?? 0
  let knownEpoch = previous?.knownEpoch ?? ''
  let knownPosition = previous?.knownPosition ?? 0
  let takesNothing = previous?.takesNothing ?? false
  let givesNothing = previous?.givesNothing ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        version = reader.uint32()
        break
      case 18:
        node = readLinkNode(reader, reader.nested(end), node)
        break
      case 26:
        epoch = reader.string(end)
        break
      case 32:
        windowBytes = reader.uint64()
        break
      case 40:
        envelopeBytes = reader.uint64()
        break
      case 50:
        knownEpoch = reader.string(end)
        break
      case 56:
        knownPosition = reader.uint64()
        break
      case 64:
        takesNothing = reader.bool()
        break
      case 72:
        givesNothing = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    version,
    node,
    epoch,
    windowBytes,
    envelopeBytes,
    knownEpoch,
    knownPosition,
    takesNothing,
    givesNothing,
  }
}

function readLinkClose(
  reader: ProtoReader,
  end: number,
  previous: LinkClose | undefined,
): LinkClose {
  let code = previous?.code ?? ''
  let reason = previous?.reason ?? ''
  let message = previous?.message ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        code = reader.string(end)
        break
      case 18:
        reason = reader.string(end)
        break
      case 26:
        message = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { code, reason, message }
}

function readLinkHead(reader: ProtoReader, end: number, previous: LinkHead | undefined): LinkHead {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let headId = previous?.headId ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readLinkNode(reader, reader.nested(end), origin)
        break
      case 24:
        headId = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, headId }
}

function readLinkWant(reader: ProtoReader, end: number, previous: LinkWant | undefined): LinkWant {
  let number = previous?.number ?? 0
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let fromHeadId = previous?.fromHeadId ?? 0
  let limit = previous?.limit ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        number = reader.uint32()
        break
      case 18:
        topic = reader.string(end)
        break
      case 26:
        origin = readLinkNode(reader, reader.nested(end), origin)
        break
      case 32:
        fromHeadId = reader.uint64()
        break
      case 40:
        limit = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { number, topic, origin, fromHeadId, limit }
}

function readLinkStop(reader: ProtoReader, end: number, previous: LinkStop | undefined): LinkStop {
  let number = previous?.number ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        number = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { number }
}

function readLinkBatch(
  reader: ProtoReader,
  end: number,
  previous: LinkBatch | undefined,
): LinkBatch {
  let number = previous?.number ?? 0
  let firstHeadId = previous?.firstHeadId ?? 0
  const messages: LinkMessage[] = previous === undefined ? [] : [...previous.messages]
  let headId = previous?.headId ?? 0
  let failure = previous?.failure ?? ''
  let failureMessage = previous?.failureMessage ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        number = reader.uint32()
        break
      case 16:
        firstHeadId = reader.uint64()
        break
      case 26:
        messages.push(readLinkMessage(reader, reader.nested(end), undefined))
        break
      case 32:
        headId = reader.uint64()
        break
      case 42:
        failure = reader.string(end)
        break
      case 50:
        failureMessage = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { number, firstHeadId, messages, headId, failure, failureMessage }
}

function readLinkMessage(
  reader: ProtoReader,
  end: number,
  previous: LinkMessage | undefined,
): LinkMessage {
  let uuid = previous?.uuid ?? emptyBytes
  let id = previous?.id ?? ''
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let createdAtMs = previous?.createdAtMs ?? 0
  let deleted = previous?.deleted ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        uuid = reader.bytes(end)
        break
      case 18:
        id = reader.string(end)
        break
      case 26:
        payload = reader.bytes(end)
        break
      case 34:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 40:
        createdAtMs = reader.uint64()
        break
      case 48:
        deleted = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { uuid, id, payload, headers: headers ?? emptyStringMap, createdAtMs, deleted }
}

function readLinkStored(
  reader: ProtoReader,
  end: number,
  previous: LinkStored | undefined,
): LinkStored {
  let number = previous?.number ?? 0
  let headId = previous?.headId ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        number = reader.uint32()
        break
      case 16:
        headId = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { number, headId }
}

const sharedWriter = new ProtoWriter()
