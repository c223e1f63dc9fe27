/**
 * The numbers of the BUS/RT protocol, version 1 (spec/busrt 1.3, 2.1, 3.1, 3.2), for both ends.
 * All integers on the wire are little-endian.
 */

/** First bytes of either side: magic and protocol version. */
export const greeting = [0xeb, 0x01, 0x00] as const

/** Client to broker: op id (4), flags (1: opcode in bits 0-5, quality in bits 6-7), body length (4). */
export const requestHeaderBytes = 9

/** Broker to client: kind (1), body length or op id (4), realtime mark or result (1). */
export const deliveryHeaderBytes = 6

export const opcodes = {
  nop: 0x00,
  publish: 0x01,
  subscribe: 0x02,
  unsubscribe: 0x03,
  exclude: 0x04,
  unexclude: 0x05,
  publishFor: 0x06,
  message: 0x12,
  broadcast: 0x13,
} as const

export const opcodeMask = 0x3f
/** Bit of the flags: the sender wants an acknowledgement ("processed"). */
export const ackFlag = 0x40
/** Bit of the flags: deliver without delay ("realtime"). */
export const realtimeFlag = 0x80

/** First byte of what a broker sends. */
export const deliveryKinds = {
  nop: 0x00,
  publish: 0x01,
  message: 0x12,
  broadcast: 0x13,
  ack: 0xfe,
} as const

/** Byte 5 of an acknowledgement, and the byte that answers a registration. */
export const results = {
  ok: 0x01,
  notRegistered: 0x71,
  badData: 0x72,
  io: 0x73,
  other: 0x74,
  notSupported: 0x75,
  busy: 0x76,
  notDelivered: 0x77,
  timeout: 0x78,
  denied: 0x79,
} as const

/** Longest name a registration can carry. */
export const maxNameBytes = 65_535

/** Divides the name of a secondary client: primary, this, suffix (spec/busrt 4.2). */
export const secondaryMark = '%%'
