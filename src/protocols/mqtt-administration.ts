/**
 * What the MQTT adapter tells about itself, and lets administrators do: the gRPC adapter and the metrics ask for it. It
 * stands beside the adapters, since none of them knows another.
 */

export interface MqttSessionSummary {
  readonly clientId: string
  readonly connected: boolean
  /** 3, 4 or 5 while it is connected; otherwise 0. */
  readonly version: number
  readonly subscriptions: number
  /** 0 while it is not connected: it is on disk then. */
  readonly inFlight: number
  /** Milliseconds since 1970; 0: not while it is connected, or never. */
  readonly expiresAtMs: number
  /** Stored messages behind the place it has reached, of all topics. */
  readonly behind: number
  readonly hasPendingWill: boolean
}

export interface MqttSubscriptionSummary {
  readonly filter: string
  /** What follows is known while it is connected. */
  readonly qos: number
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly id: number
}

export interface MqttBridgeSummary {
  readonly name: string
  /** Without user and password. */
  readonly address: string
  readonly state: string
  /** 3, 4 or 5 while it is connected; otherwise 0. */
  readonly version: number
  readonly lastError: string
  readonly connections: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly messagesLooped: number
}

/** Numbers at one moment; those that only grow are named so. */
export interface MqttFigures {
  readonly sessions: number
  readonly sessionsConnected: number
  readonly inFlight: number
  readonly connectionsTotal: number
  readonly connectionsRefusedTotal: number
  /** By QoS. */
  readonly receivedTotal: readonly [number, number, number]
  readonly sentTotal: readonly [number, number, number]
  /** By reason. */
  readonly droppedTotal: Readonly<Record<string, number>>
}

export interface MqttAdministration {
  /** In no order. */
  sessions(): Iterable<MqttSessionSummary>
  /** Undefined: there is none of this client id. */
  session(
    clientId: string,
  ):
    | { readonly session: MqttSessionSummary; readonly subscriptions: MqttSubscriptionSummary[] }
    | undefined
  /** False: there was none. Resolves when nothing is left of it. */
  removeSession(clientId: string): Promise<boolean>
  bridges(): readonly MqttBridgeSummary[]
  figures(): MqttFigures
}

/** Filled by the MQTT adapter when it starts, emptied when it stops. */
export interface MqttSlot {
  administration: MqttAdministration | undefined
}
