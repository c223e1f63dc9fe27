/**
 * The messages and services of msgbus.v2. Generated from proto/msgbus/v2/peers.proto by
 * scripts/generate-wire.mjs; change the contract or the generator, then `npm run generate`.
 *
 * Decoded `bytes` are views into what was decoded, valid as long as that is. A uint64 above 2^53-1
 * comes as Number.MAX_SAFE_INTEGER, and a number above it is written as 2^64-1. Encoding takes
 * messages with any field left out. Decoding throws ProtoDecodeError and nothing else.
 */

import { ProtoReader } from '../../base/proto-reader.ts'
import { ProtoWriter, type ProtoInit } from '../../base/proto-writer.ts'

export type ListPeersRequest = Readonly<Record<never, never>>

export interface ListPeersResponse {
  readonly peers: readonly PeerInfo[]
}

export interface PeerInfo {
  /** Endpoint as it was written; of a link that the other side dialled, its node id. */
  readonly peer: string
  /** tenant/bl/device; empty while nobody has answered there. */
  readonly node: string
  /** `outgoing` or `incoming`. */
  readonly direction: string
  /** `configuration`, `store` (added at run time), or empty for one that dialled. */
  readonly keptIn: string
  /** `connecting`, `up`, `waiting`, `cut_off`. */
  readonly state: string
  /** `link`, `v1`, `standby` (another link to this node is up), `none`. */
  readonly kind: string
  /** Microseconds there and back; 0: not known. */
  readonly rttUs: number
  /** Messages that it has and this node lacks. */
  readonly lag: number
  /** Messages that it asked for and has not stored; 0 where that is not known. */
  readonly behind: number
  readonly receivedBytes: number
  readonly sentBytes: number
  /** 0: not up. */
  readonly upSinceMs: number
  /** Empty since it is up. */
  readonly lastError: string
}

export interface AddPeerRequest {
  /** `http://host:port` or `https://host:port`, with `=tenant/bl/device` behind it to accept that node only. */
  readonly peer: string
}

export type AddPeerResponse = Readonly<Record<never, never>>

export interface RemovePeerRequest {
  /** The endpoint, with or without the node behind it. */
  readonly peer: string
}

export type RemovePeerResponse = Readonly<Record<never, never>>

export type ListNodesRequest = Readonly<Record<never, never>>

export interface ListNodesResponse {
  readonly nodes: readonly NodeInfo[]
}

export interface NodeInfo {
  /** tenant/bl/device */
  readonly node: string
  /** Links between it and this node. */
  readonly hops: number
  /** What it tells about itself. */
  readonly clients: number
  readonly procedures: number
  readonly filters: number
}

export type ListDiscoveredRequest = Readonly<Record<never, never>>

export interface ListDiscoveredResponse {
  readonly nodes: readonly DiscoveredNode[]
}

export interface DiscoveredNode {
  /** tenant/bl/device, as it says; nothing has proved it yet. */
  readonly node: string
  /** What AddPeer takes, the node included. */
  readonly peer: string
  readonly version: string
  readonly lastSeenMs: number
  /** It is a peer, or has a link. */
  readonly linked: boolean
}

/** The methods of msgbus.v2.PeerService. */
export const peerService = {
  /** Peers that are dialled, then links that others have dialled. */
  listPeers: {
    path: '/msgbus.v2.PeerService/ListPeers',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListPeersRequest,
    requestDeserialize: decodeListPeersRequest,
    responseSerialize: encodeListPeersResponse,
    responseDeserialize: decodeListPeersResponse,
  },
  /** Dials another daemon from now on, also after a restart: it is kept in the store. ALREADY_EXISTS when it is a peer. */
  addPeer: {
    path: '/msgbus.v2.PeerService/AddPeer',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeAddPeerRequest,
    requestDeserialize: decodeAddPeerRequest,
    responseSerialize: encodeAddPeerResponse,
    responseDeserialize: decodeAddPeerResponse,
  },
  /**
   * Ends the link to a peer that was added and forgets it. NOT_FOUND when it is none, FAILED_PRECONDITION when it
   * stands in the configuration, where it has to be removed.
   */
  removePeer: {
    path: '/msgbus.v2.PeerService/RemovePeer',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRemovePeerRequest,
    requestDeserialize: decodeRemovePeerRequest,
    responseSerialize: encodeRemovePeerResponse,
    responseDeserialize: decodeRemovePeerResponse,
  },
  /** The daemons that can be reached over links, however many daemons lie between. */
  listNodes: {
    path: '/msgbus.v2.PeerService/ListNodes',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListNodesRequest,
    requestDeserialize: decodeListNodesRequest,
    responseSerialize: encodeListNodesResponse,
    responseDeserialize: decodeListNodesResponse,
  },
  /**
   * The daemons that announce themselves on this network; UNIMPLEMENTED without --discover. None of them is dialled
   * by that.
   */
  listDiscovered: {
    path: '/msgbus.v2.PeerService/ListDiscovered',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListDiscoveredRequest,
    requestDeserialize: decodeListDiscoveredRequest,
    responseSerialize: encodeListDiscoveredResponse,
    responseDeserialize: decodeListDiscoveredResponse,
  },
} as const

/** `peerService` for whoever calls it. */
export const peerServiceCalls = {
  listPeers: {
    path: '/msgbus.v2.PeerService/ListPeers',
    requestSerialize: encodeListPeersRequest,
    responseDeserialize: decodeListPeersResponse,
  },
  addPeer: {
    path: '/msgbus.v2.PeerService/AddPeer',
    requestSerialize: encodeAddPeerRequest,
    responseDeserialize: decodeAddPeerResponse,
  },
  removePeer: {
    path: '/msgbus.v2.PeerService/RemovePeer',
    requestSerialize: encodeRemovePeerRequest,
    responseDeserialize: decodeRemovePeerResponse,
  },
  listNodes: {
    path: '/msgbus.v2.PeerService/ListNodes',
    requestSerialize: encodeListNodesRequest,
    responseDeserialize: decodeListNodesResponse,
  },
  listDiscovered: {
    path: '/msgbus.v2.PeerService/ListDiscovered',
    requestSerialize: encodeListDiscoveredRequest,
    responseDeserialize: decodeListDiscoveredResponse,
  },
} as const

export function encodeListPeersRequest(message: ProtoInit<ListPeersRequest>): Uint8Array {
  sharedWriter.reset()
  writeListPeersRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListPeersRequest(bytes: Uint8Array): ListPeersRequest {
  return readListPeersRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListPeersResponse(message: ProtoInit<ListPeersResponse>): Uint8Array {
  sharedWriter.reset()
  writeListPeersResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListPeersResponse(bytes: Uint8Array): ListPeersResponse {
  return readListPeersResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAddPeerRequest(message: ProtoInit<AddPeerRequest>): Uint8Array {
  sharedWriter.reset()
  writeAddPeerRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAddPeerRequest(bytes: Uint8Array): AddPeerRequest {
  return readAddPeerRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAddPeerResponse(message: ProtoInit<AddPeerResponse>): Uint8Array {
  sharedWriter.reset()
  writeAddPeerResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAddPeerResponse(bytes: Uint8Array): AddPeerResponse {
  return readAddPeerResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRemovePeerRequest(message: ProtoInit<RemovePeerRequest>): Uint8Array {
  sharedWriter.reset()
  writeRemovePeerRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRemovePeerRequest(bytes: Uint8Array): RemovePeerRequest {
  return readRemovePeerRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRemovePeerResponse(message: ProtoInit<RemovePeerResponse>): Uint8Array {
  sharedWriter.reset()
  writeRemovePeerResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRemovePeerResponse(bytes: Uint8Array): RemovePeerResponse {
  return readRemovePeerResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListNodesRequest(message: ProtoInit<ListNodesRequest>): Uint8Array {
  sharedWriter.reset()
  writeListNodesRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListNodesRequest(bytes: Uint8Array): ListNodesRequest {
  return readListNodesRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListNodesResponse(message: ProtoInit<ListNodesResponse>): Uint8Array {
  sharedWriter.reset()
  writeListNodesResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListNodesResponse(bytes: Uint8Array): ListNodesResponse {
  return readListNodesResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListDiscoveredRequest(message: ProtoInit<ListDiscoveredRequest>): Uint8Array {
  sharedWriter.reset()
  writeListDiscoveredRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListDiscoveredRequest(bytes: Uint8Array): ListDiscoveredRequest {
  return readListDiscoveredRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListDiscoveredResponse(
  message: ProtoInit<ListDiscoveredResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeListDiscoveredResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListDiscoveredResponse(bytes: Uint8Array): ListDiscoveredResponse {
  return readListDiscoveredResponse(new ProtoReader(bytes), bytes.length, undefined)
}

/** Appends the fields of a message, without a length before them. */
export function writeListPeersRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListPeersRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListPeersResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListPeersResponse>,
): void {
  if (message.peers !== undefined)
    for (const item of message.peers) writeNestedPeerInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writePeerInfo(writer: ProtoWriter, message: ProtoInit<PeerInfo>): void {
  if (message.peer) writer.string(10, message.peer)
  if (message.node) writer.string(18, message.node)
  if (message.direction) writer.string(26, message.direction)
  if (message.keptIn) writer.string(34, message.keptIn)
  if (message.state) writer.string(42, message.state)
  if (message.kind) writer.string(50, message.kind)
  if (message.rttUs) writer.uint64(56, message.rttUs)
  if (message.lag) writer.uint64(64, message.lag)
  if (message.behind) writer.uint64(72, message.behind)
  if (message.receivedBytes) writer.uint64(80, message.receivedBytes)
  if (message.sentBytes) writer.uint64(88, message.sentBytes)
  if (message.upSinceMs) writer.uint64(96, message.upSinceMs)
  if (message.lastError) writer.string(106, message.lastError)
}

/** Appends the fields of a message, without a length before them. */
export function writeAddPeerRequest(writer: ProtoWriter, message: ProtoInit<AddPeerRequest>): void {
  if (message.peer) writer.string(10, message.peer)
}

/** Appends the fields of a message, without a length before them. */
export function writeAddPeerResponse(
  _writer: ProtoWriter,
  _message: ProtoInit<AddPeerResponse>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeRemovePeerRequest(
  writer: ProtoWriter,
  message: ProtoInit<RemovePeerRequest>,
): void {
  if (message.peer) writer.string(10, message.peer)
}

/** Appends the fields of a message, without a length before them. */
export function writeRemovePeerResponse(
  _writer: ProtoWriter,
  _message: ProtoInit<RemovePeerResponse>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListNodesRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListNodesRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListNodesResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListNodesResponse>,
): void {
  if (message.nodes !== undefined)
    for (const item of message.nodes) writeNestedNodeInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeNodeInfo(writer: ProtoWriter, message: ProtoInit<NodeInfo>): void {
  if (message.node) writer.string(10, message.node)
  if (message.hops) writer.uint32(16, message.hops)
  if (message.clients) writer.uint32(24, message.clients)
  if (message.procedures) writer.uint32(32, message.procedures)
  if (message.filters) writer.uint32(40, message.filters)
}

/** Appends the fields of a message, without a length before them. */
export function writeListDiscoveredRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListDiscoveredRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListDiscoveredResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListDiscoveredResponse>,
): void {
  if (message.nodes !== undefined)
    for (const item of message.nodes) writeNestedDiscoveredNode(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeDiscoveredNode(writer: ProtoWriter, message: ProtoInit<DiscoveredNode>): void {
  if (message.node) writer.string(10, message.node)
  if (message.peer) writer.string(18, message.peer)
  if (message.version) writer.string(26, message.version)
  if (message.lastSeenMs) writer.uint64(32, message.lastSeenMs)
  if (message.linked) writer.bool(40, message.linked)
}

let widthPeerInfo = 1

/** Appends a message as a field of another. */
export function writeNestedPeerInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<PeerInfo>,
): void {
  const start = writer.begin(tag, widthPeerInfo)
  writePeerInfo(writer, message)
  widthPeerInfo = writer.end(start, widthPeerInfo)
}

let widthNodeInfo = 1

/** Appends a message as a field of another. */
export function writeNestedNodeInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<NodeInfo>,
): void {
  const start = writer.begin(tag, widthNodeInfo)
  writeNodeInfo(writer, message)
  widthNodeInfo = writer.end(start, widthNodeInfo)
}

let widthDiscoveredNode = 1

/** Appends a message as a field of another. */
export function writeNestedDiscoveredNode(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<DiscoveredNode>,
): void {
  const start = writer.begin(tag, widthDiscoveredNode)
  writeDiscoveredNode(writer, message)
  widthDiscoveredNode = writer.end(start, widthDiscoveredNode)
}

function readListPeersRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListPeersRequest | undefined,
): ListPeersRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListPeersResponse(
  reader: ProtoReader,
  end: number,
  previous: ListPeersResponse | undefined,
): ListPeersResponse {
  const peers: PeerInfo[] = previous === undefined ? [] : [...previous.peers]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        peers.push(readPeerInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { peers }
}

function readPeerInfo(reader: ProtoReader, end: number, previous: PeerInfo | undefined): PeerInfo {
  let peer = previous?.peer ?? ''
  let node = previous?.node ?? ''
  let direction = previous?.direction ?? ''
  let keptIn = previous?.keptIn ?? ''
  let state = previous?.state ?? ''
  let kind = previous?.kind ?? ''
  let rttUs = previous?.rttUs ?? 0
  let lag = previous?.lag ?? 0
  let behind = previous?.behind ?? 0
  let receivedBytes = previous?.receivedBytes ?? 0
  let sentBytes = previous?.sentBytes ?? 0
  let upSinceMs = previous?.upSinceMs ?? 0
  let lastError = previous?.lastError ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        peer = reader.string(end)
        break
      case 18:
        node = reader.string(end)
        break
      case 26:
        direction = reader.string(end)
        break
      case 34:
        keptIn = reader.string(end)
        break
      case 42:
        state = reader.string(end)
        break
      case 50:
        kind = reader.string(end)
        break
      case 56:
        rttUs = reader.uint64()
        break
      case 64:
        lag = reader.uint64()
        break
      case 72:
        behind = reader.uint64()
        break
      case 80:
        receivedBytes = reader.uint64()
        break
      case 88:
        sentBytes = reader.uint64()
        break
      case 96:
        upSinceMs = reader.uint64()
        break
      case 106:
        lastError = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    peer,
    node,
    direction,
    keptIn,
    state,
    kind,
    rttUs,
    lag,
    behind,
    receivedBytes,
    sentBytes,
    upSinceMs,
    lastError,
  }
}

function readAddPeerRequest(
  reader: ProtoReader,
  end: number,
  previous: AddPeerRequest | undefined,
): AddPeerRequest {
  let peer = previous?.peer ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        peer = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { peer }
}

function readAddPeerResponse(
  reader: ProtoReader,
  end: number,
  _previous: AddPeerResponse | undefined,
): AddPeerResponse {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readRemovePeerRequest(
  reader: ProtoReader,
  end: number,
  previous: RemovePeerRequest | undefined,
): RemovePeerRequest {
  let peer = previous?.peer ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        peer = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { peer }
}

function readRemovePeerResponse(
  reader: ProtoReader,
  end: number,
  _previous: RemovePeerResponse | undefined,
): RemovePeerResponse {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListNodesRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListNodesRequest | undefined,
): ListNodesRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListNodesResponse(
  reader: ProtoReader,
  end: number,
  previous: ListNodesResponse | undefined,
): ListNodesResponse {
  const nodes: NodeInfo[] = previous === undefined ? [] : [...previous.nodes]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        nodes.push(readNodeInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { nodes }
}

function readNodeInfo(reader: ProtoReader, end: number, previous: NodeInfo | undefined): NodeInfo {
  let node = previous?.node ?? ''
  let hops = previous?.hops ?? 0
  let clients = previous?.clients ?? 0
  let procedures = previous?.procedures ?? 0
  let filters = previous?.filters ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        node = reader.string(end)
        break
      case 16:
        hops = reader.uint32()
        break
      case 24:
        clients = reader.uint32()
        break
      case 32:
        procedures = reader.uint32()
        break
      case 40:
        filters = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { node, hops, clients, procedures, filters }
}

function readListDiscoveredRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListDiscoveredRequest | undefined,
): ListDiscoveredRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListDiscoveredResponse(
  reader: ProtoReader,
  end: number,
  previous: ListDiscoveredResponse | undefined,
): ListDiscoveredResponse {
  const nodes: DiscoveredNode[] = previous === undefined ? [] : [...previous.nodes]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        nodes.push(readDiscoveredNode(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { nodes }
}

function readDiscoveredNode(
  reader: ProtoReader,
  end: number,
  previous: DiscoveredNode | undefined,
): DiscoveredNode {
  let node = previous?.node ?? ''
  let peer = previous?.peer ?? ''
  let version = previous?.version ?? ''
  let lastSeenMs = previous?.lastSeenMs ?? 0
  let linked = previous?.linked ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        node = reader.string(end)
        break
      case 18:
        peer = reader.string(end)
        break
      case 26:
        version = reader.string(end)
        break
      case 32:
        lastSeenMs = reader.uint64()
        break
      case 40:
        linked = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { node, peer, version, lastSeenMs, linked }
}

const sharedWriter = new ProtoWriter()
