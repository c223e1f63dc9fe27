/** What the MQTT adapter counts, as plain numbers: metrics and `$SYS` read them when they are asked for. */

/** Why a message did not reach somebody, or nobody. */
export type DropReason =
  /** Whoever published it may not, or could not. */
  | 'refused'
  /** QoS 0, and its receiver does not read. */
  | 'slow_reader'
  /** QoS 1 or 2 that no log has, and too many wait for room in the window of its receiver. */
  | 'window_full'
  /** Larger than its receiver takes. */
  | 'too_large'
  /** QoS 1 or 2 that no log has, and its receiver has gone. */
  | 'connection_lost'
  /** It was to be sent again, and is deleted or trimmed meanwhile. */
  | 'not_stored_any_more'

export class MqttCounters {
  readonly dropped: Record<DropReason, number> = {
    refused: 0,
    slow_reader: 0,
    window_full: 0,
    too_large: 0,
    connection_lost: 0,
    not_stored_any_more: 0,
  }
  /** By QoS. */
  readonly received: [number, number, number] = [0, 0, 0]
  readonly sent: [number, number, number] = [0, 0, 0]
  /** CONNECT that was answered with success. */
  connections = 0
  /** CONNECT that was refused. */
  connectionsRefused = 0

  get messagesDropped(): number {
    let sum = 0
    for (const count of Object.values(this.dropped)) sum += count
    return sum
  }
}
