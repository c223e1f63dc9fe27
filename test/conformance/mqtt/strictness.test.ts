/** What the numbered cases of spec/mqtt 17 leave out: odd packets, small limits of clients, clients that fight for an id. */

import assert from 'node:assert/strict'
import { conformance } from './broker.ts'
import {
  bytes,
  connect,
  disconnect,
  packet,
  pingreq,
  property,
  props,
  puback,
  publish,
  pubrec,
  pubrel,
  short,
  subscribe,
  text,
  unsubscribe,
} from './bytes.ts'

const three = { versions: [3] as const }
const five = { versions: [5] as const }
const filters = (count: number) => Array.from({ length: count }, (_, i) => `f${i}`)
const notText = Buffer.from('c328', 'hex')

conformance(
  'text',
  'a payload that is said to be text and is none',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    await client.subscribe(['a', { qos: 2 }])
    const properties = [property.payloadFormat(1)]
    client.send(publish(version, 'a', notText, { properties }))
    client.send(publish(version, 'a', notText, { qos: 1, id: 1, properties }))
    client.send(publish(version, 'a', notText, { qos: 2, id: 2, properties }))
    await client.gets(puback(1, 0x99), pubrec(2, 0x99))
    // The identifier of a refused message is free.
    client.send(pubrel(2))
    await client.gets('70 03 0002 92')
    client.send(publish(version, 'a', notText, { properties: [property.payloadFormat(0)] }))
    client.send(publish(version, 'a', 'é', { properties }))
    assert.equal((await client.next()).subarray(-2).toString('hex'), 'c328')
    await client.payloads('é')
    const will = props(property.payloadFormat(1))
    const dying = await broker.open(version)
    const whole = [text('MQTT'), 5, 6, short(0), props(), text('d'), will, text('w'), text(notText)]
    dying.send(packet(0x10, whole))
    assert.equal((await dying.connack()).code, 0x99)
    await dying.closes()
  },
  five,
)

conformance(
  'answer size',
  'answers that the client does not take are not sent',
  async ({ broker, version }) => {
    const connected = async (most: number, ...more: readonly Buffer[]) => {
      const client = await broker.open(version)
      const properties = [property.maximumPacketSize(most), ...more]
      client.send(connect({ version, id: 'a', properties }))
      return client
    }
    await (await connected(4)).closes()
    const tight = await connected(20, property.requestResponse(1))
    const { code, properties } = await tight.connack()
    assert.deepEqual([code, properties.has(0x1a), properties.has(0x21)], [0, false, true])
    tight.send(
      subscribe(
        version,
        1,
        filters(15).map((filter) => [filter] as const),
      ),
    )
    assert.equal((await tight.next()).length, 20)
    tight.send(unsubscribe(version, 2, filters(16)))
    await tight.closes(disconnect(0x95))
    // A refusal leaves its reason string out.
    const refused = await broker.open(version)
    refused.send(
      connect({ version, id: '$msgbus.x', properties: [property.maximumPacketSize(10)] }),
    )
    await refused.closes('20 03 00 85 00')
  },
  five,
)

conformance(
  'one packet',
  'a filter twice in one SUBSCRIBE is two requests for one subscription',
  async ({ broker, version }) => {
    const client = await broker.client(version, { id: 'c' })
    const other = await broker.client(version)
    other.send(publish(version, 'a', 'kept', { retain: true }))
    await other.quiet()
    const twice = (filter: string) => [
      [filter, { qos: 2 }] as const,
      [filter, { qos: 1, retainHandling: version === 5 ? 1 : 0 }] as const,
    ]
    client.send(subscribe(version, 1, twice('a')))
    await client.suback(1, 2, 1)
    await client.payloads(...(version === 5 ? ['kept'] : ['kept', 'kept']))
    client.send(subscribe(version, 2, twice('$share/g/b')))
    await client.suback(2, 2, 1)
    other.send(publish(version, 'a', '1'), publish(version, 'b', '2'))
    await client.payloads('1', '2')
    client.send(unsubscribe(version, 3, ['a', '$share/g/b']))
    await client.gets(version === 5 ? 'b0 05 0003 00 00 00' : 'b0 02 0003')
    other.send(publish(version, 'a', '1'), publish(version, 'b', '2'))
    await other.quiet()
    await client.quiet()
  },
)

conformance(
  'A6',
  'one SUBSCRIBE with more filters than a client may have',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    for (const prefix of ['', '$share/g/']) {
      const asked = Array.from({ length: 50 }, (_, i) => [`${prefix}f/${i}/#`] as const)
      const id = client.nextId()
      client.send(subscribe(version, id, asked))
      const answer = await client.next()
      const codes = [...answer.subarray(-50)]
      const refused = version === 5 ? 0x97 : 0x80
      const granted = prefix === '' ? 10 : 0
      assert.deepEqual(codes, [...Array(granted).fill(0), ...Array(50 - granted).fill(refused)])
    }
    await client.quiet()
  },
  { limits: { filtersPerClient: 10 } },
)

conformance(
  'A6',
  'shared filters in one SUBSCRIBE count, too',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const asked = Array.from({ length: 50 }, (_, i) => [`$share/g${i}/f`] as const)
    client.send(subscribe(version, 1, asked))
    const codes = [...(await client.next()).subarray(-50)]
    assert.equal(codes.filter((code) => code === 0).length, 10)
    await client.quiet()
    assert(broker.bus.clients().length < 20)
  },
  { limits: { filtersPerClient: 10 } },
)

conformance(
  'A9',
  'two clients that fight for an id: the newer one has to wait',
  async ({ broker, version }) => {
    let holder = await broker.client(version, { id: 'c', clean: false })
    for (let i = 0; i < 5; i++) {
      const next = await broker.client(version, { id: 'c', clean: false })
      await holder.closes(...(version === 5 ? [disconnect(0x8e)] : []))
      holder = next
    }
    for (let i = 0; i < 3; i++) {
      const late = await broker.open(version)
      late.send(connect({ version, id: 'c', clean: false }))
      assert.equal((await late.connack()).code, version === 5 ? 0x89 : 3)
      await late.closes()
    }
    await holder.quiet()
    const other = await broker.client(version, { id: 'd' })
    await other.quiet()
    await broker.pass(10_250)
    const next = await broker.client(version, { id: 'c', clean: false })
    await holder.closes(...(version === 5 ? [disconnect(0x8e)] : []))
    await next.quiet()
  },
)

conformance(
  'A9',
  'who goes and comes back is not taken for somebody who fights',
  async ({ broker, version }) => {
    for (let i = 0; i < 20; i++) {
      const client = await broker.client(version, { id: 'c', clean: false })
      await client.end()
    }
  },
)

conformance(
  '3.1',
  'packets that are sent again may say so, and CONNECT may end early',
  async ({ broker, version }) => {
    const client = await broker.open(version)
    client.send(packet(0x10, text('MQIsdp'), 3, 0xc2, short(0), text('old')))
    assert.equal((await client.connack()).code, 0)
    client.send(packet(0x8a, short(1), text('a'), 1))
    await client.suback(1, 1)
    client.send(packet(0x6a, short(9)))
    await client.gets('70 02 0009')
    client.send(packet(0xaa, short(2), text('a')))
    await client.gets('b0 02 0002')
    client.send(packet(0x89, short(1), text('a'), 1))
    await client.closes()
  },
  three,
)

conformance(
  'CONNECT',
  'a byte too many',
  async ({ broker, version }) => {
    const client = await broker.open(version)
    client.send(packet(0x10, text('MQTT'), version, 2, short(0), props(), text('a'), 0))
    assert.equal((await client.connack()).code, 0x81)
    await client.closes()
  },
  five,
)

conformance(
  'properties',
  'in the wrong packet, twice, cut short, or unknown',
  async ({ broker, version }) => {
    const reason = Buffer.concat([Buffer.of(0x1f), text('why')])
    const cases: readonly (readonly [number, Buffer])[] = [
      // Those of other packets.
      [0x82, packet(0x30, text('a'), props(property.sessionExpiry(1)))],
      [0x82, packet(0x30, text('a'), props(property.subscriptionId(1)))],
      [0x82, packet(0x82, short(1), props(property.topicAlias(1)), text('a'), 0)],
      [0x82, packet(0x82, short(1), props(reason), text('a'), 0)],
      [0x82, packet(0xa2, short(1), props(property.subscriptionId(1)), text('a'))],
      [0x82, packet(0x40, short(1), 0, props(property.contentType('x')))],
      [0x82, packet(0x62, short(1), 0, props(property.messageExpiry(1)))],
      [0x82, packet(0xe0, 0, props(property.receiveMaximum(1)))],
      [0x82, packet(0xe0, 0, props(Buffer.concat([Buffer.of(0x1c), text('other')])))],
      // Twice.
      [0x82, packet(0x30, text('a'), props(property.payloadFormat(0), property.payloadFormat(0)))],
      [0x82, packet(0x30, text('a'), props(property.topicAlias(1), property.topicAlias(1)))],
      [0x82, packet(0x40, short(1), 0, props(reason, reason))],
      [
        0x82,
        packet(
          0x82,
          short(1),
          props(property.subscriptionId(1), property.subscriptionId(2)),
          text('a'),
          0,
        ),
      ],
      // Values.
      [0x82, packet(0x30, text('a'), props(property.payloadFormat(2)))],
      [0x82, packet(0x82, short(1), props(property.subscriptionId(0)), text('a'), 0)],
      [0x81, packet(0x82, short(1), props('0b ffffffff01'), text('a'), 0)],
      [0x82, packet(0x30, text('a'), props(property.responseTopic('a/#')))],
      [0x81, packet(0x30, text('a'), props(Buffer.concat([Buffer.of(0x03), text(notText)])))],
      [0x81, packet(0x30, text('a'), props('26 0001 61 0001 00'))],
      // Unknown, or cut short, or longer than the packet.
      [0x81, packet(0x30, text('a'), props('7f 00'))],
      [0x81, packet(0x30, text('a'), props('02 0000'))],
      [0x81, packet(0x30, text('a'), '05 01')],
      [0x81, packet(0x82, short(1), '7f', text('a'), 0)],
      [0x81, packet(0xe0, 0, '02 11')],
      // Reason codes of others.
      [0x82, packet(0x40, short(1), 0x92)],
      [0x82, packet(0x50, short(1), 0x04)],
      [0x82, packet(0x62, short(1), 0x10)],
      [0x82, packet(0x70, short(1), 0x80)],
      [0x82, packet(0xe0, 0x8b)],
      [0x82, packet(0xf0, 0x18, props(property.authenticationMethod('x')))],
      // Options of subscriptions.
      [0x81, packet(0x82, short(1), props(), text('a'), 0x03)],
      [0x81, packet(0x82, short(1), props(), text('a'), 0x30)],
      [0x81, packet(0x82, short(1), props(), text('a'), 0x40)],
      [0x82, packet(0x82, short(1), props(), text('$share/g/a'), 0x04)],
      // Nothing in it.
      [0x82, packet(0x82, short(1), props())],
      [0x82, packet(0xa2, short(1), props())],
      [0x82, packet(0xa2, short(0), props(), text('a'))],
      [0x82, packet(0x62, short(0))],
      [0x81, packet(0x40, '00')],
    ]
    for (const [code, wrong] of cases) {
      const client = await broker.client(version)
      client.send(wrong)
      await client.closes(disconnect(code)).catch((error: unknown) => {
        throw new Error(`${wrong.toString('hex')} is not answered with ${code.toString(16)}`, {
          cause: error,
        })
      })
    }
  },
  five,
)

conformance(
  'topics',
  'names that begin with $ are hidden from wildcards in the first place, retained or not',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const other = await broker.client(version)
    client.send(publish(version, '$own/a', 'kept', { retain: true, qos: 1, id: 1 }))
    await client.gets(puback(1))
    await other.subscribe(['#'], ['+/a'], ['+/+'])
    client.send(publish(version, '$own/a', 'live'))
    await client.quiet()
    await other.quiet()
    await other.subscribe(['$own/+'])
    await other.payloads('kept')
    client.send(publish(version, '$own/a', 'live'))
    await other.payloads('live')
  },
)

conformance(
  'end',
  'what stands behind DISCONNECT, or behind a faulty packet, is not looked at',
  async ({ broker, version }) => {
    const watcher = await broker.client(version)
    await watcher.subscribe(['a'])
    for (const last of [disconnect(), bytes('c1 00')]) {
      const client = await broker.client(version)
      client.send(last, publish(version, 'a', 'late'), pingreq)
      const told = version === 5 && last[0] === 0xc1 ? [disconnect(0x81)] : []
      await client.closes(...told)
    }
    await watcher.quiet()
  },
)
