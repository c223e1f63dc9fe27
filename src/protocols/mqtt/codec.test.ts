/** Bytes to packets: what the standard allows and what it does not, byte by byte, and wherever a stream is cut. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { decode, Recorder, type Seen } from './codec-suite.ts'
import { PacketDecoder } from './codec.ts'
import { isTopicFilter, parseFilter } from './filters.ts'

const connect3 = '101000044d5154540402003c000474657374'
const connect31 = '101200064d51497364700302003c000474657374'
const connect5 = '101100044d5154540502003c00000474657374'

const bytes = (hex: string) => Buffer.from(hex.replace(/\s/g, ''), 'hex')

/** The packets behind a CONNECT, and how it ended. */
function after(
  connect: string,
  hex: string,
): { seen: readonly Seen[]; failure: number | undefined } {
  const { seen, failure } = decode([bytes(connect), bytes(hex)])
  assert.equal(seen[0]?.packet, 'connect')
  return { seen: seen.slice(1), failure }
}

describe('what is refused', () => {
  const cases: [why: string, connect: string, hex: string, reasonCode: number][] = [
    ['a second CONNECT', connect5, connect5, 0x82],
    ['a length of five bytes', connect5, '30 80 80 80 80', 0x81],
    ['a length that is longer than it need be', connect5, 'c0 80 00', 0x81],
    ['SUBSCRIBE without its flags', connect5, '80 06 0001 0000 0161 00', 0x81],
    ['UNSUBSCRIBE without its flags', connect5, 'a0 02', 0x81],
    ['PUBREL without its flags', connect5, '60 02 0001', 0x81],
    ['PINGREQ with flags', connect3, 'c1 00', 0x81],
    ['DISCONNECT with flags', connect3, 'e1 00', 0x81],
    ['PUBACK with flags', connect3, '41 02 0001', 0x81],
    ['PINGREQ with a body', connect3, 'c0 01 00', 0x81],
    ['bytes left at the end of a SUBSCRIBE', connect3, '82 07 0001 0001 61 00 00', 0x81],
    ['a topic that runs past the end', connect3, '30 04 0005 6162', 0x81],
    ['a topic that is not UTF-8', connect3, '30 04 0002 c328', 0x81],
    ['a topic with a surrogate', connect3, '30 05 0003 eda080', 0x81],
    ['a topic with U+0000', connect3, '30 05 0003 610062', 0x81],
    ['a topic with a control character', connect3, '30 05 0003 610762', 0x81],
    ['a topic with a control character of two bytes', connect3, '30 05 0003 61c280', 0x81],
    ['a topic with a non-character', connect3, '30 05 0003 efbfbf', 0x81],
    ['PUBLISH with QoS 3', connect3, '36 05 0001 61 0001', 0x81],
    ['PUBLISH with QoS 0 and DUP', connect3, '38 03 0001 61', 0x81],
    ['PUBLISH with identifier 0', connect3, '32 05 0001 61 0000', 0x82],
    ['PUBLISH to a filter', connect3, '30 05 0003 612f2b', 0x90],
    ['PUBLISH to nothing', connect3, '30 02 0000', 0x81],
    ['PUBLISH to nothing, without an alias', connect5, '30 03 0000 00', 0x82],
    ['CONNACK', connect3, '20 02 0000', 0x82],
    ['SUBACK', connect3, '90 03 0001 00', 0x82],
    ['PINGRESP', connect3, 'd0 00', 0x82],
    ['type 0', connect3, '00 00', 0x82],
    ['AUTH before 5.0', connect3, 'f0 00', 0x82],
    ['AUTH without a method', connect5, 'f0 02 18 00', 0x82],
    ['AUTH that says success', connect5, 'f0 00', 0x82],
    ['a filter that is none', connect5, '82 0b 0001 00 0005 612f232f62 00', 0x81],
    ['an empty filter', connect5, '82 06 0001 00 0000 00', 0x81],
    ['SUBSCRIBE without a filter', connect5, '82 03 0001 00', 0x82],
    ['UNSUBSCRIBE without a filter', connect3, 'a2 02 0001', 0x82],
    ['a QoS of 3 asked for', connect3, '82 06 0001 0001 61 03', 0x81],
    ['options before 5.0', connect3, '82 06 0001 0001 61 04', 0x81],
    ['reserved options', connect5, '82 07 0001 00 0001 61 40', 0x81],
    ['retain handling 3', connect5, '82 07 0001 00 0001 61 30', 0x81],
    ['subscription identifier 0', connect5, '82 09 0001 02 0b00 0001 61 00', 0x82],
    ['two subscription identifiers', connect5, '82 0b 0001 04 0b01 0b02 0001 61 00', 0x82],
    ['a subscription identifier in PUBLISH', connect5, '30 06 0001 61 02 0b01', 0x82],
    ['topic alias 0', connect5, '30 07 0001 61 03 230000', 0x94],
    ['two topic aliases', connect5, '30 0a 0001 61 06 230001 230001', 0x82],
    ['a payload format of 2', connect5, '30 06 0001 61 02 0102', 0x82],
    ['a response topic with a wildcard', connect5, '30 08 0001 61 04 08 0001 2b', 0x82],
    ['a property that is not known', connect5, '30 06 0001 61 02 7f01', 0x81],
    ['a property that is cut short', connect5, '30 07 0001 61 03 020000', 0x81],
    ['properties past the end', connect5, '30 06 0001 61 09 0101', 0x81],
    ['a reason that PUBREL does not know', connect5, '62 03 0001 80', 0x82],
    ['a reason that DISCONNECT does not know', connect5, 'e0 01 87', 0x82],
    ['an acknowledgement of three bytes before 5.0', connect3, '40 03 0001 00', 0x81],
    ['a packet that is too large, from its header', connect5, '30 a1 8d 06', 0x95],
  ]
  for (const [why, connect, hex, reasonCode] of cases) {
    test(why, () => {
      const { failure, seen } = after(connect, hex)
      assert.equal(failure, reasonCode)
      assert.deepEqual(seen, [])
    })
  }

  const connects: [why: string, hex: string, reasonCode: number][] = [
    ['another first packet', '300300016100', 0x82],
    ['another name', '10 0c 0004 48545450 04 02 003c 0000', 0x81],
    ['a level of the past', '10 0c 0004 4d515454 02 02 003c 0000', 0x84],
    ['a level of the future', '10 0d 0004 4d515454 06 02 003c 00 0000', 0x84],
    ['the reserved flag', '10 0c 0004 4d515454 04 03 003c 0000', 0x81],
    ['QoS of a will that is not there', '10 0c 0004 4d515454 04 0a 003c 0000', 0x81],
    ['retain of a will that is not there', '10 0c 0004 4d515454 04 22 003c 0000', 0x81],
    ['QoS 3 of the will', '10 12 0004 4d515454 04 1e 003c 0000 0001 61 0001 61', 0x81],
    ['a will to a filter', '10 12 0004 4d515454 04 06 003c 0000 0001 2b 0001 61', 0x90],
    ['a password alone before 5.0', '10 0f 0004 4d515454 04 42 003c 0000 0001 61', 0x81],
    ['receive maximum 0', '10 10 0004 4d515454 05 02 003c 03 210000 0000', 0x82],
    ['maximum packet size 0', '10 12 0004 4d515454 05 02 003c 05 2700000000 0000', 0x82],
    ['a property twice', '10 13 0004 4d515454 05 02 003c 06 210001 210001 0000', 0x82],
    ['a property of others', '10 10 0004 4d515454 05 02 003c 03 230001 0000', 0x82],
    [
      'data of a method that is not there',
      '10 11 0004 4d515454 05 02 003c 04 16 0001 61 0000',
      0x82,
    ],
    ['flags of CONNECT', '11 0c 0004 4d515454 04 02 003c 0000', 0x81],
    ['something behind it', '10 0d 0004 4d515454 04 02 003c 0000 00', 0x81],
  ]
  for (const [why, hex, reasonCode] of connects) {
    test(`CONNECT: ${why}`, () => {
      const { failure, seen } = decode([bytes(hex)])
      assert.equal(failure, reasonCode)
      assert.deepEqual(seen, [])
    })
  }
})

describe('what is taken', () => {
  test('CONNECT of all versions, and of a bridge', () => {
    const [three] = decode([bytes(connect31)]).seen
    assert.deepEqual([three?.['version'], three?.['clientId']], [3, 'test'])
    assert.equal(decode([bytes(connect3)]).seen[0]?.['version'], 4)
    assert.equal(decode([bytes(connect5)]).seen[0]?.['version'], 5)
    const bridge = connect3.replace('4d51545404', '4d51545484')
    const [packet] = decode([bytes(bridge)]).seen
    assert.deepEqual([packet?.['version'], packet?.['isBridge']], [4, true])
  })

  test('CONNECT of 5.0 with everything', () => {
    const will = '07 18 00000005 01 01 0001 77 0002 6869'
    const hex = `00044d515454 05 f6 000a 05 11 0000000a 0003 616263 ${will} 0001 75 0001 70`
    const body = bytes(hex)
    const { seen, failure } = decode([Buffer.from([0x10, body.length]), body])
    assert.equal(failure, undefined)
    assert.deepEqual(seen[0], {
      packet: 'connect',
      version: 5,
      isBridge: false,
      cleanStart: true,
      keepAlive: 10,
      clientId: 'abc',
      will: {
        topic: 'w',
        payload: new Uint8Array([0x68, 0x69]),
        qos: 2,
        retain: true,
        properties: { willDelay: 5, payloadFormat: 1 },
      },
      userName: 'u',
      password: new Uint8Array([0x70]),
      properties: { sessionExpiry: 10 },
    })
  })

  test('PUBLISH with properties: what is passed on, and what is for the daemon', () => {
    const properties = '26 0001 61 0001 62 02 0000000a 01 01 23 0007 26 0001 61 0001 63'
    const body = bytes(`0003 612f62 1234 18 ${properties} ff00`)
    const { seen, failure } = decode([bytes(connect5), Buffer.from([0x3d, body.length]), body])
    assert.equal(failure, undefined)
    assert.deepEqual(seen[1], {
      packet: 'publish',
      topic: 'a/b',
      payload: 'ff00',
      properties: {
        userProperties: [
          ['a', 'b'],
          ['a', 'c'],
        ],
        payloadFormat: 1,
      },
      qos: 2,
      duplicate: true,
      retain: true,
      id: 0x1234,
      topicAlias: 7,
      messageExpiry: 10,
    })
  })

  test('an astral character and a byte order mark are part of a topic', () => {
    const { seen } = after(connect3, '30 06 0004 f09f9880 30 06 0004 efbbbf61')
    assert.deepEqual(
      seen.map(({ topic }) => topic),
      ['😀', '\ufeffa'],
    )
  })

  test('acknowledgements in all their forms', () => {
    const short = '40 02 0001 50 03 0002 10'
    const long = '62 04 0003 92 00 70 0a 0004 00 06 1f 0003 6f6b21'
    const { seen, failure } = after(connect5, `${short} ${long}`)
    assert.equal(failure, undefined)
    assert.deepEqual(
      seen.map(({ type, id, reasonCode }) => [type, id, reasonCode]),
      [
        [4, 1, 0],
        [5, 2, 0x10],
        [6, 3, 0x92],
        [7, 4, 0],
      ],
    )
  })

  test('DISCONNECT, empty and with a new expiry', () => {
    const { seen } = after(connect5, 'e0 00 e0 07 04 05 11 00000009')
    assert.deepEqual(seen, [
      { packet: 'disconnect', reasonCode: 0, properties: {} },
      { packet: 'disconnect', reasonCode: 4, properties: { sessionExpiry: 9 } },
    ])
  })
})

test('filters', () => {
  const good = ['#', '+', 'a/#', '+/+', '/+', '/', 'a//b', '$share/g/a/#', '$share/a+b/c', 'ä/+']
  for (const filter of good) assert.equal(isTopicFilter(filter), true, filter)
  for (const filter of ['', 'a/#/b', 'a#', 'a+/b', '##', '$share/g/a#']) {
    assert.equal(isTopicFilter(filter), false, filter)
  }
  assert.deepEqual(parseFilter('$share/g/a/#'), { group: 'g', filter: 'a/#' })
  assert.deepEqual(parseFilter('a/#'), { group: undefined, filter: 'a/#' })
  for (const filter of ['$share//a', '$share/a+b/c', '$share/a', '$share/a/']) {
    assert.equal(parseFilter(filter), undefined, filter)
  }
})

const stream3 = [
  connect3,
  '30 05 0001 61 6869',
  '32 07 0001 61 0001 6869',
  'c000',
  '82 0a 0005 0001 61 01 0001 23 00',
  `30 ac02 0001 61 ${'61'.repeat(297)}`,
  'a2 05 0006 0001 61',
  '40 02 0001',
  'e000',
]
const stream5 = [
  connect5,
  '30 08 0001 61 02 0101 6869',
  '34 0b 0001 61 0001 03 230001 6869',
  '62 03 0001 92',
  '82 09 0005 02 0b07 0001 61 2d',
  'c000',
  'e0 01 04',
]

describe('wherever it is cut', () => {
  for (const [version, stream] of [
    ['3.1.1', stream3],
    ['5.0', stream5],
  ] as const) {
    const whole = bytes(stream.join(''))
    const wanted = decode([whole])
    test(`version ${version} in two pieces`, () => {
      assert.equal(wanted.failure, undefined)
      assert.equal(wanted.seen.length, stream.length)
      for (let cut = 0; cut <= whole.length; cut++) {
        assert.deepEqual(decode([whole.subarray(0, cut), whole.subarray(cut)]), wanted)
      }
    })

    test(`version ${version} in any pieces`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }), (sizes) => {
          const pieces: Buffer[] = []
          for (let at = 0, i = 0; at < whole.length; i++) {
            const size = (sizes[i % sizes.length] ?? 0) + 1
            pieces.push(whole.subarray(at, at + size))
            at += size
          }
          assert.deepEqual(decode(pieces), wanted)
        }),
      )
    })
  }

  test('what is held back comes when it is admitted again, in order', () => {
    const whole = bytes(stream3.join(''))
    const handler = new Recorder()
    const decoder = new PacketDecoder(handler, { maxPacketBytes: 1_000 })
    decoder.push(whole, 0, 20)
    handler.gate = 1
    for (let at = 20; at < whole.length; at += 7) {
      decoder.push(whole, at, Math.min(at + 7, whole.length))
    }
    assert.deepEqual(
      handler.seen.map(({ packet }) => packet),
      ['connect'],
    )
    assert.equal(decoder.keptBytes, whole.length - 18)
    handler.gate = 0
    decoder.resume()
    assert.deepEqual(handler.seen, decode([whole]).seen)
    assert.equal(decoder.keptBytes, 0)
  })
})
