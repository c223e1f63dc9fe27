/**
 * What passes between MQTT clients and the daemon: the kinds of packets, their fields, and the reason codes (MQTT 5.0
 * sections 2.1.2, 2.4 and 3). Packets that come often are not built: a PUBLISH is described by one reused object
 * (codec.ts), an acknowledgement by its numbers.
 */

import { ProtocolError } from '../../model/errors.ts'
import type { Properties } from './properties.ts'

/** Protocol level of CONNECT: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
export type Version = 3 | 4 | 5

export type Qos = 0 | 1 | 2

export const packetTypes = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const

/** The four that answer a PUBLISH or each other. */
export type AckType = 4 | 5 | 6 | 7

export const reasonCodes = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecific: 0x83,
  unsupportedVersion: 0x84,
  clientIdNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdInUse: 0x91,
  packetIdNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdsNotSupported: 0xa1,
  wildcardsNotSupported: 0xa2,
} as const

/** The client broke the protocol. A client of 5.0 is told the code before its connection ends. */
export class MqttError extends ProtocolError {
  readonly reasonCode: number

  constructor(reasonCode: number, message: string) {
    super(message)
    this.name = 'MqttError'
    this.reasonCode = reasonCode
  }
}

/** CONNECT of a version that is not spoken here; the answer has the form of the nearest one. */
export class UnsupportedVersion extends MqttError {
  /** As it came, without the mark of a bridge. */
  readonly level: number

  constructor(level: number) {
    super(reasonCodes.unsupportedVersion, `protocol level ${level} is not spoken`)
    this.name = 'UnsupportedVersion'
    this.level = level
  }
}

export function malformed(message: string): MqttError {
  return new MqttError(reasonCodes.malformedPacket, message)
}

export function protocolError(message: string): MqttError {
  return new MqttError(reasonCodes.protocolError, message)
}

export interface ConnectPacket {
  readonly version: Version
  /** Set the top bit of the level: wants no local and retain as published on every subscription. */
  readonly isBridge: boolean
  readonly cleanStart: boolean
  /** Seconds; 0: none. */
  readonly keepAlive: number
  /** Empty: the daemon is to choose one. */
  readonly clientId: string
  readonly will: Will | undefined
  readonly userName: string | undefined
  readonly password: Uint8Array | undefined
  readonly properties: Properties
}

export interface Will {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: Qos
  readonly retain: boolean
  readonly properties: Properties
}

export interface SubscribePacket {
  readonly id: number
  readonly requests: readonly SubscriptionRequest[]
  readonly properties: Properties
}

export interface SubscriptionRequest {
  readonly filter: string
  readonly qos: Qos
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
}

export interface UnsubscribePacket {
  readonly id: number
  readonly filters: readonly string[]
  readonly properties: Properties
}

export interface DisconnectPacket {
  readonly reasonCode: number
  readonly properties: Properties
}

export interface AuthPacket {
  /** `continueAuthentication` or `reAuthenticate`. */
  readonly reasonCode: number
  readonly properties: Properties
}

export interface ConnackPacket {
  readonly sessionPresent: boolean
  /** Of 5.0; `connackCode` makes that of the older versions. */
  readonly reasonCode: number
  readonly properties: Properties
}

/** Return code of a 3.1 or 3.1.1 CONNACK for a reason code of 5.0 (3.1.1 section 3.2.2.3). */
export function connackCode(reasonCode: number): number {
  switch (reasonCode) {
    case reasonCodes.success:
      return 0
    case reasonCodes.unsupportedVersion:
      return 1
    case reasonCodes.clientIdNotValid:
      return 2
    case reasonCodes.badUserNameOrPassword:
      return 4
    case reasonCodes.notAuthorized:
    case reasonCodes.banned:
    case reasonCodes.badAuthenticationMethod:
      return 5
    default:
      return 3
  }
}
