/** What MQTT clients send, and what becomes of it when it is changed and cut. */

import { generate, type Packet } from 'mqtt-packet'
import type { Random } from './random.ts'

/** A client that keeps to the protocol. */
export function stream(random: Random, version: 3 | 4 | 5): Buffer {
  const protocolId = version === 3 ? 'MQIsdp' : 'MQTT'
  const packets: Packet[] = [
    { cmd: 'connect', clientId: 'fuzz', protocolVersion: version, protocolId, keepalive: 1 },
  ]
  for (let left = random.below(8); left > 0; left -= 1) packets.push(packet(random))
  return Buffer.concat(packets.map((each) => generate(each, { protocolVersion: version })))
}

function packet(random: Random): Packet {
  const messageId = 1 + random.below(65_535)
  const topic = random.one(['a', 'a/b', 'ä/😀', '$share/g/a', 'x'.repeat(random.below(300) + 1)])
  const qos = random.one([0, 1, 2] as const)
  const userProperties = { key: 'value', more: ['a', 'b'] }
  switch (random.below(8)) {
    case 0:
      return { cmd: 'pingreq' }
    case 1:
      return { cmd: random.one(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const), messageId }
    case 2: {
      const options = { nl: random.once(2), rap: random.once(2), rh: random.below(3) }
      const subscriptions = [
        { topic, qos, ...options },
        { topic: '#', qos },
      ]
      return { cmd: 'subscribe', messageId, subscriptions }
    }
    case 3:
      return { cmd: 'unsubscribe', messageId, unsubscriptions: [topic, '+/b'] }
    default: {
      const properties = { contentType: 'text', topicAlias: 1 + random.below(9), userProperties }
      const payload = random.bytes(400)
      const flags = { dup: false, retain: random.once(2) }
      return { cmd: 'publish', topic, qos, messageId, payload, ...flags, properties }
    }
  }
}

/** Some bytes changed, taken out or put in; now and then nothing but chance. */
export function mutated(random: Random, bytes: Buffer): Buffer {
  if (random.once(20)) return random.bytes(200)
  let result = Buffer.from(bytes)
  for (let left = random.below(4); left > 0; left -= 1) {
    const at = random.below(result.length + 1)
    const rest = result.subarray(at + random.below(2))
    result = Buffer.concat([result.subarray(0, at), random.bytes(3), rest])
  }
  return result
}

export function cut(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(random.one([1, 5, 40, 500]))
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}
