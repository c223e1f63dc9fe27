/** Metrics of MQTT, read from plain counters when somebody scrapes; all are 0 while there is no MQTT. */

import type { Counter, Gauge, Registry } from 'prom-client'
import type { MqttBridgeSummary, MqttFigures, MqttSlot } from '../protocols/mqtt-administration.ts'

/** The package, which is loaded when metrics are first asked for. */
type Prometheus = typeof import('prom-client')

export function addMqttMetrics(
  { Counter: CounterClass, Gauge: GaugeClass }: Prometheus,
  registry: Registry,
  slot: MqttSlot,
  retained: () => number,
): void {
  const registers = [registry]
  const figures = () => slot.administration?.figures()
  const gauge = (name: string, help: string, read: () => number | undefined) => {
    const metric: Gauge = new GaugeClass({
      name,
      help,
      registers,
      collect: () => metric.set(read() ?? 0),
    })
  }
  const counter = (
    name: string,
    help: string,
    label: string,
    read: (figures: MqttFigures) => Readonly<Record<string, number>>,
  ) => {
    const metric: Counter = new CounterClass({
      name,
      help,
      labelNames: label === '' ? [] : [label],
      registers,
      collect() {
        metric.reset()
        const found = figures()
        for (const [value, count] of Object.entries(found === undefined ? {} : read(found))) {
          if (label === '') metric.inc(count)
          else metric.inc({ [label]: value }, count)
        }
      },
    })
  }
  gauge(
    'msgbus_mqtt_sessions',
    'MQTT sessions, with and without a connection.',
    () => figures()?.sessions,
  )
  gauge(
    'msgbus_mqtt_sessions_connected',
    'MQTT sessions with a connection.',
    () => figures()?.sessionsConnected,
  )
  gauge(
    'msgbus_mqtt_messages_in_flight',
    'Messages of QoS 1 and 2 under way to MQTT clients.',
    () => figures()?.inFlight,
  )
  gauge('msgbus_retained_messages', 'Topics with a retained message.', retained)
  counter('msgbus_mqtt_connections_total', 'MQTT connections that were accepted.', '', (found) => {
    return { all: found.connectionsTotal }
  })
  counter('msgbus_mqtt_connections_refused_total', 'CONNECT that was refused.', '', (found) => {
    return { all: found.connectionsRefusedTotal }
  })
  counter(
    'msgbus_mqtt_received_total',
    'PUBLISH packets from MQTT clients, by QoS.',
    'qos',
    (found) => byQos(found.receivedTotal),
  )
  counter('msgbus_mqtt_sent_total', 'PUBLISH packets to MQTT clients, by QoS.', 'qos', (found) =>
    byQos(found.sentTotal),
  )
  counter(
    'msgbus_mqtt_dropped_total',
    'Messages that MQTT dropped, by reason; what is in a log is never among them but by `not_stored_any_more`.',
    'reason',
    (found) => found.droppedTotal,
  )
  // The label is bounded: bridges are configured.
  const perBridge = (name: string, help: string, read: (bridge: MqttBridgeSummary) => number) => {
    const metric = new GaugeClass({
      name,
      help,
      labelNames: ['bridge'],
      registers,
      collect: () => {
        for (const each of slot.administration?.bridges() ?? []) {
          metric.set({ bridge: each.name }, read(each))
        }
      },
    })
  }
  perBridge('msgbus_mqtt_bridge_up', '1 while the bridge is connected, else 0.', ({ state }) =>
    Number(state === 'connected'),
  )
  perBridge(
    'msgbus_mqtt_bridge_messages_in',
    'Messages that came by the bridge since the start.',
    ({ messagesIn }) => messagesIn,
  )
  perBridge(
    'msgbus_mqtt_bridge_messages_out',
    'Messages that left by the bridge since the start.',
    ({ messagesOut }) => messagesOut,
  )
}

function byQos(counts: readonly number[]): Readonly<Record<string, number>> {
  return Object.fromEntries(counts.map((count, qos) => [String(qos), count]))
}
