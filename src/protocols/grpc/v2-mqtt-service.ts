/** `msgbus.v2.MqttService`: sessions, retained messages and bridges of MQTT, for administrators. */

import type { BusClient } from '../../core/bus-client.ts'
import type { RetainedMessage } from '../../core/retained-messages.ts'
import { BusError } from '../../model/errors.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { noHeaders } from '../../model/message.ts'
import { type MqttSessionInfo, mqttService } from '../../wire/gen/msgbus-mqtt.ts'
import type { AdapterContext } from '../adapter.ts'
import type { MqttAdministration } from '../mqtt-administration.ts'
import type { Calls } from './calls.ts'

const listMost = 1_000
/** Slots that are emptied at a time. */
const removedTogether = 100
const nothing = new Uint8Array(0)

export function addMqttService(calls: Calls, context: AdapterContext): void {
  const administration = (client: BusClient): MqttAdministration => {
    client.requireAccess('admin', '')
    const found = context.mqtt?.administration
    if (found !== undefined) return found
    throw new BusError('unimplemented', 'unsupported', 'this daemon runs without MQTT')
  }
  calls.unary(mqttService.listMqttSessions, ({ prefix, limit, after }, { client }) => {
    const most = limit === 0 ? listMost : Math.min(limit, listMost)
    const found: MqttSessionInfo[] = []
    for (const session of administration(client).sessions()) {
      const { clientId } = session
      if (clientId.startsWith(prefix) && (after === '' || clientId > after)) found.push(session)
    }
    found.sort((one, other) => (one.clientId < other.clientId ? -1 : 1))
    return { sessions: found.slice(0, most), more: found.length > most }
  })
  calls.unary(mqttService.getMqttSession, ({ clientId }, { client }) => {
    return administration(client).session(clientId) ?? noSuchSession(clientId)
  })
  calls.unary(mqttService.removeMqttSession, async ({ clientId }, { client }) => {
    if (await administration(client).removeSession(clientId)) return {}
    return noSuchSession(clientId)
  })
  calls.unary(mqttService.listMqttBridges, (_, { client }) => {
    return { bridges: administration(client).bridges() }
  })

  // Retained messages are the bus's, with or without MQTT.
  calls.unary(mqttService.listMqttRetained, ({ filter, limit }, { client }) => {
    const most = limit === 0 ? listMost : Math.min(limit, listMost)
    const messages = []
    for (const message of retained(client, filter)) {
      if (messages.length === most) return { messages, more: true }
      messages.push(infoOf(message))
    }
    return { messages, more: false }
  })
  calls.unary(mqttService.getMqttRetained, ({ topic }, { client }) => {
    client.requireAccess('admin', '')
    const found = client.retained.get(topic)
    if (found !== undefined) {
      return { message: infoOf(found), payload: found.payload, headers: found.headers }
    }
    const text = `there is no retained message on ${topic}`
    throw new BusError('not_found', 'no_retained_message', text)
  })
  calls.unary(mqttService.removeMqttRetained, async ({ filter }, { client }) => {
    if (filter === '') throw new BusError('invalid_argument', 'bad_filter', 'there is no filter')
    const topics = [...retained(client, filter)].map(({ topic }) => topic)
    for (let at = 0; at < topics.length; at += removedTogether) {
      const some = topics.slice(at, at + removedTogether)
      const empty = { payload: nothing, headers: noHeaders }
      await Promise.all(some.map((topic) => client.retained.set({ topic, ...empty })))
    }
    return { removed: topics.length }
  })
}

function retained(client: BusClient, filter: string): Iterable<RetainedMessage> {
  client.requireAccess('admin', '')
  return client.retained.match(levelFilter('mqtt', filter === '' ? '#' : filter))
}

function infoOf({ topic, payload, createdAtMs, headers }: RetainedMessage) {
  const said = Number(headers.get('mqtt-qos') ?? 1)
  return {
    topic,
    payloadBytes: payload.length,
    createdAtMs,
    qos: said === 0 || said === 2 ? said : 1,
  }
}

function noSuchSession(clientId: string): never {
  const text = `there is no MQTT session ${JSON.stringify(clientId)}`
  throw new BusError('not_found', 'no_such_session', text)
}
