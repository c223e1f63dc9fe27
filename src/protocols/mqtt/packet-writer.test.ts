/**
 * What is written is what an independent codec reads, and what that codec writes is what ours reads: the package
 * mqtt-packet stands on the other side.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { generate, type Packet, parser } from 'mqtt-packet'

import { decode, type Seen, written } from './codec-suite.ts'
import {
  encodeProperties,
  publishLength,
  writeAck,
  writeAuth,
  writeConnack,
  writeDisconnect,
  writePingresp,
  writePublish,
  writeSuback,
  writeUnsuback,
} from './packet-writer.ts'
import { type AckType, type Qos, type Version } from './packets.ts'

const text = fc.string({
  unit: fc.constantFrom('a', 'Z', '0', ' ', 'ä', '水', '😀'),
  maxLength: 12,
})
const topic = text.map((each) => `t/${each}`)
const payload = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each))
const id = fc.integer({ min: 1, max: 65_535 })
const qos = fc.constantFrom<Qos>(0, 1, 2)
const versions = fc.constantFrom<Version>(3, 4, 5)
const seconds = fc.integer({ min: 0, max: 0xffff_ffff })

/** As the other codec reads it. */
function parse(bytes: Uint8Array, version: Version): Packet {
  const reader = parser({ protocolVersion: version })
  const packets: Packet[] = []
  reader.on('packet', (packet) => packets.push(packet))
  reader.on('error', (error) => assert.fail(error))
  assert.equal(reader.parse(Buffer.from(bytes)), 0)
  const [packet] = packets
  assert.ok(packet)
  assert.equal(packets.length, 1)
  return packet
}

/** A packet of the other codec, as ours reads it behind a CONNECT. */
function read(packet: Packet, version: Version): Seen | undefined {
  const protocolId = version === 3 ? 'MQIsdp' : 'MQTT'
  const connect = { cmd: 'connect', clientId: 'x', protocolVersion: version, protocolId } as const
  const stream = [generate(connect), generate(packet, { protocolVersion: version })]
  const { seen, failure, keptBytes } = decode(stream)
  assert.deepEqual([failure, keptBytes, seen.length], [undefined, 0, 2])
  return seen[1]
}

describe('written by us, read by the other', () => {
  test('PUBLISH', () => {
    const one = { versions, qos, topic, payload, id, flag: fc.boolean(), expiry: seconds, text }
    fc.assert(
      fc.property(fc.record(one), (given) => {
        const { versions: version, flag } = given
        const bytes = Buffer.concat([Buffer.from('xx'), given.payload, Buffer.from('y')])
        const packet = {
          qos: given.qos,
          duplicate: flag && given.qos > 0,
          retain: flag,
          topic: Buffer.from(given.topic),
          id: given.id,
          passedOn: encodeProperties({ contentType: given.text, userProperties: [['k', 'v']] }),
          added: encodeProperties({ messageExpiry: given.expiry, subscriptionIds: [1, 300] }),
          bytes,
          start: 2,
          end: bytes.length - 1,
        }
        const sent = written((outbox) => {
          writePublish(outbox, version, packet)
        })
        assert.equal(sent.length, publishLength(version, packet))
        const back = parse(sent, version)
        assert.ok(back.cmd === 'publish')
        assert.deepEqual(
          [back.topic, back.payload, back.qos, back.retain, back.dup],
          [given.topic, given.payload, given.qos, flag, packet.duplicate],
        )
        if (given.qos > 0) assert.equal(back.messageId, given.id)
        if (version < 5) return
        const { contentType, messageExpiryInterval, subscriptionIdentifier } = back.properties ?? {}
        assert.deepEqual(
          [contentType, messageExpiryInterval, subscriptionIdentifier],
          [given.text, given.expiry, [1, 300]],
        )
      }),
    )
  })

  test('where the identifier stands', () => {
    const bytes = Buffer.alloc(200)
    const nothing = new Uint8Array(0)
    const given = { qos: 1, duplicate: false, retain: false, id: 0x1234, bytes } as const
    const rest = { passedOn: nothing, added: nothing, start: 0, end: 200, topic: Buffer.from('t') }
    let at = 0
    const sent = written((outbox) => {
      at = writePublish(outbox, 5, { ...given, ...rest })
    })
    assert.equal(sent.readUInt16BE(at), 0x1234)
  })

  test('CONNACK', () => {
    const properties = {
      sessionExpiry: 7,
      receiveMaximum: 100,
      maximumPacketSize: 1_048_576,
      topicAliasMaximum: 32,
      assignedClientId: 'auto-1',
      serverKeepAlive: 60,
      reasonString: 'welcome',
    }
    const five = written((outbox) =>
      writeConnack(outbox, 5, { sessionPresent: true, reasonCode: 0, properties }),
    )
    const back = parse(five, 5)
    assert.ok(back.cmd === 'connack')
    assert.deepEqual([back.sessionPresent, back.reasonCode], [true, 0])
    assert.deepEqual(
      { ...back.properties },
      {
        sessionExpiryInterval: 7,
        receiveMaximum: 100,
        maximumPacketSize: 1_048_576,
        topicAliasMaximum: 32,
        assignedClientIdentifier: 'auto-1',
        serverKeepAlive: 60,
        reasonString: 'welcome',
      },
    )
    const refused = { sessionPresent: true, reasonCode: 0x87, properties: {} }
    assert.equal(written((outbox) => writeConnack(outbox, 4, refused)).toString('hex'), '20020005')
    assert.equal(
      written((outbox) => writeConnack(outbox, 5, refused)).toString('hex'),
      '2003008700',
    )
  })

  test('acknowledgements, answers to subscriptions, the rest', () => {
    fc.assert(
      fc.property(versions, fc.constantFrom<AckType>(4, 5, 6, 7), id, (version, type, number) => {
        const back = parse(
          written((outbox) => writeAck(outbox, version, type, number)),
          version,
        )
        const names = { 4: 'puback', 5: 'pubrec', 6: 'pubrel', 7: 'pubcomp' } as const
        assert.deepEqual([back.cmd, back.messageId], [names[type], number])
      }),
    )
    const wrong = parse(
      written((outbox) => writeAck(outbox, 5, 7, 9, 0x92)),
      5,
    )
    assert.ok(wrong.cmd === 'pubcomp')
    assert.equal(wrong.reasonCode, 0x92)
    for (const version of [4, 5] as const) {
      const suback = parse(
        written((outbox) => writeSuback(outbox, version, 300, [0, 2, 0x87])),
        version,
      )
      assert.ok(suback.cmd === 'suback')
      assert.deepEqual(suback.granted, [0, 2, version === 5 ? 0x87 : 0x80])
      const unsuback = parse(
        written((outbox) => writeUnsuback(outbox, version, 300, [0, 0x11])),
        version,
      )
      assert.equal(unsuback.messageId, 300)
    }
    assert.equal(parse(written(writePingresp), 4).cmd, 'pingresp')
    const bye = parse(
      written((outbox) => writeDisconnect(outbox, 0x8b, { reasonString: 'stop' })),
      5,
    )
    assert.ok(bye.cmd === 'disconnect')
    assert.deepEqual([bye.reasonCode, bye.properties?.reasonString], [0x8b, 'stop'])
    const auth = parse(
      written((outbox) => writeAuth(outbox, 0x18, { authenticationMethod: 'm' })),
      5,
    )
    assert.ok(auth.cmd === 'auth')
    assert.equal(auth.reasonCode, 0x18)
  })
})

describe('written by the other, read by us', () => {
  test('PUBLISH', () => {
    const one = {
      version: versions,
      qos,
      topic,
      payload,
      messageId: id,
      retain: fc.boolean(),
      text,
    }
    fc.assert(
      fc.property(fc.record(one), ({ version, text: words, ...given }) => {
        const properties = {
          messageExpiryInterval: 77,
          responseTopic: given.topic,
          correlationData: given.payload,
          contentType: words,
          userProperties: { one: ['1', '2'], two: words },
        }
        const packet = { cmd: 'publish', dup: false, ...given, properties } as const
        const seen = read(packet, version)
        assert.deepEqual(
          [seen?.['topic'], seen?.['payload'], seen?.['qos'], seen?.['retain'], seen?.['id']],
          [
            given.topic,
            given.payload.toString('hex'),
            given.qos,
            given.retain,
            given.qos === 0 ? 0 : given.messageId,
          ],
        )
        if (version < 5) return
        assert.equal(seen?.['messageExpiry'], 77)
        assert.deepEqual(seen?.['properties'], {
          responseTopic: given.topic,
          correlationData: new Uint8Array(given.payload),
          contentType: words,
          userProperties: [
            ['one', '1'],
            ['one', '2'],
            ['two', words],
          ],
        })
      }),
    )
  })

  test('CONNECT with a will', () => {
    const one = { version: fc.constantFrom<Version>(4, 5), clientId: text, topic, payload, qos }
    fc.assert(
      fc.property(fc.record(one), fc.boolean(), fc.nat(65_535), (given, flag, keepalive) => {
        const { version, clientId } = given
        const will = { topic: given.topic, payload: given.payload, qos: given.qos, retain: flag }
        const connect = {
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: version,
          // The other one refuses what the standard leaves to the server.
          clientId: clientId === '' ? 'x' : clientId,
          clean: flag,
          keepalive,
          will,
          username: 'me',
          password: given.payload,
        } as const
        const { seen, failure } = decode([generate(connect)])
        assert.equal(failure, undefined)
        assert.deepEqual(
          { ...seen[0], properties: undefined, packet: undefined },
          {
            packet: undefined,
            version,
            isBridge: false,
            cleanStart: flag,
            keepAlive: keepalive,
            clientId: connect.clientId,
            will: { ...will, payload: new Uint8Array(given.payload), properties: {} },
            userName: 'me',
            password: new Uint8Array(given.payload),
            properties: undefined,
          },
        )
      }),
    )
  })

  test('SUBSCRIBE and UNSUBSCRIBE', () => {
    const subscriptions = [
      { topic: 'a/#', qos: 2, nl: true, rap: true, rh: 1 },
      { topic: '$share/g/+', qos: 0, nl: false, rap: false, rh: 0 },
    ] as const
    const properties = { subscriptionIdentifier: 268_435_455 }
    const given = [...subscriptions]
    const packet = { cmd: 'subscribe', messageId: 9, subscriptions: given, properties } as const
    const seen = read({ ...packet, qos: 1, dup: false, retain: false } as Packet, 5)
    assert.deepEqual(seen, {
      packet: 'subscribe',
      id: 9,
      properties: { subscriptionIds: [268_435_455] },
      requests: subscriptions.map((each) => {
        const options = { noLocal: each.nl, retainAsPublished: each.rap, retainHandling: each.rh }
        return { filter: each.topic, qos: each.qos, ...options }
      }),
    })
    const unsubscribe = { cmd: 'unsubscribe', messageId: 8, unsubscriptions: ['a/#', 'b'] }
    assert.deepEqual(read(unsubscribe as Packet, 4), {
      packet: 'unsubscribe',
      id: 8,
      filters: ['a/#', 'b'],
      properties: {},
    })
  })
})
