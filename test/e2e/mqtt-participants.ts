/**
 * MQTT as participants of a test of all protocols: MQTT.js in both versions (docs/protocols/mqtt.md). Headers of the bus are
 * user properties of 5.0 and back; clients of 3.1.1 neither see nor say any.
 */

import { connectAsync, type IPublishPacket } from 'mqtt'
import { cleanUp, type Scope } from './clean-up.ts'
import type { DaemonProcess } from './daemon-process.ts'
import { addressOf, Arrivals, type Participant, rootTopic, type Sample } from './participant.ts'

export const joinMqtt4 = (t: Scope, daemon: DaemonProcess) => join(t, daemon, 4)
export const joinMqtt5 = (t: Scope, daemon: DaemonProcess) => join(t, daemon, 5)

async function join(t: Scope, daemon: DaemonProcess, protocolVersion: 4 | 5): Promise<Participant> {
  const client = await connectAsync(`mqtt://${addressOf(daemon, 'mqtt')}`, { protocolVersion })
  cleanUp(t, () => client.endAsync())
  const arrivals = new Arrivals()
  client.on('message', (topic, payload, packet) => {
    arrivals.add({ topic, payload, separator: separatorOf(packet) })
  })
  client.on('close', () => arrivals.end())
  await client.subscribeAsync(`${rootTopic}/#`, { qos: 1 })
  const carries =
    protocolVersion === 5 ? () => true : ({ separator }: Sample) => separator === undefined
  const way = (qos: 0 | 1 | 2) => ({
    publish: ({ topic, payload, separator }: Sample) =>
      client.publishAsync(topic, payload, { qos, ...propertiesOf(separator) }),
    carries,
  })
  return {
    ways: { 'QoS 0': way(0), 'QoS 1': way(1), 'QoS 2': way(2) },
    next: () => arrivals.next(),
    seesSeparator: protocolVersion === 5,
  }
}

function propertiesOf(separator: string | undefined) {
  if (separator === undefined) return {}
  return { properties: { userProperties: { 'tmb-sep': separator } } }
}

function separatorOf({ properties }: IPublishPacket): string | undefined {
  const said = properties?.userProperties?.['tmb-sep']
  return Array.isArray(said) ? said[0] : said
}
