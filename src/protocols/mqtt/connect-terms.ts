/** What holds for a connection: what its CONNECT asks for, as far as the configuration allows it (spec/mqtt 4, 5, 10). */

import type { MqttConfig } from './index.ts'
import type { ConnectPacket } from './packets.ts'
import type { Properties } from './properties.ts'

export interface ConnectTerms {
  /** Infinity: for ever. */
  readonly expirySeconds: number
  /** 0: none. */
  readonly keepAliveSeconds: number
  /** Messages of QoS 1 and 2 that may be under way to the client. */
  readonly receiveMaximum: number
  /** What a client of 5.0 is told. */
  readonly announced: Properties
}

/** Messages of QoS 1 and 2 under way to one client, whatever it takes: a session notes them down. */
const underWayMost = 1_000
const forEver = 0xffff_ffff

/** @param clientId the one that holds, assigned or not */
export function termsOf(packet: ConnectPacket, clientId: string, config: MqttConfig): ConnectTerms {
  const { properties, version, cleanStart, keepAlive } = packet
  const asked = version === 5 ? (properties.sessionExpiry ?? 0) : cleanStart ? 0 : forEver
  const expirySeconds = cappedExpiry(asked, config)
  const keepAliveSeconds = keepAliveOf(packet, config)
  const isCapped = expirySeconds !== (asked === forEver ? Infinity : asked)
  const announced: Properties = {
    receiveMaximum: config.receiveMaximum,
    maximumPacketSize: config.maxPacketBytes,
    topicAliasMaximum: config.topicAliasMaximum,
    ...(isCapped && { sessionExpiry: expirySeconds }),
    ...(packet.clientId === '' && { assignedClientId: clientId }),
    ...(keepAliveSeconds !== keepAlive && { serverKeepAlive: keepAliveSeconds }),
    ...(properties.requestResponseInformation === 1 && {
      responseInformation: `reply/${clientId}`,
    }),
  }
  const receiveMaximum = Math.min(properties.receiveMaximum ?? config.window, underWayMost)
  return { expirySeconds, keepAliveSeconds, receiveMaximum, announced }
}

/** How long a session is kept, in seconds; Infinity: for ever. */
export function cappedExpiry(seconds: number, { sessionExpirySeconds }: MqttConfig): number {
  const asked = seconds === forEver ? Infinity : seconds
  return sessionExpirySeconds === 0 ? asked : Math.min(asked, sessionExpirySeconds)
}

/** As it holds here: 5.0 lets the server have its way. */
function keepAliveOf({ keepAlive, version }: ConnectPacket, config: MqttConfig): number {
  const { maxKeepAliveSeconds } = config
  if (version < 5 || maxKeepAliveSeconds === 0) return keepAlive
  return keepAlive === 0 ? maxKeepAliveSeconds : Math.min(keepAlive, maxKeepAliveSeconds)
}
