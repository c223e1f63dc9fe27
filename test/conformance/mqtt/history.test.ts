/** History by request and response, as docs/protocols/mqtt.md has it. */

import assert from 'node:assert/strict'
import { type Broker, conformance } from './broker.ts'
import { property, puback, pubcomp, publish, pubrec, pubrel, type Version } from './bytes.ts'
import type { RawClient } from './raw-client.ts'

interface Answer {
  readonly id?: unknown
  readonly messages: readonly {
    readonly topic: string
    readonly headId: number
    readonly sequence: number
    readonly text?: string
    readonly base64?: string
  }[]
  readonly next: number
  readonly end: boolean
  readonly error?: { readonly code: string; readonly reason: string }
}

async function stored(broker: Broker, ...messages: readonly (readonly [string, string])[]) {
  const client = await broker.client(4)
  for (const [i, [topic, text]] of messages.entries()) {
    client.send(publish(4, topic, text, { qos: 1, id: i + 1 }))
    await client.gets(puback(i + 1))
  }
  await client.end()
}

/** A client that listens where the answers go to. */
async function asking(broker: Broker, version: Version): Promise<RawClient> {
  const client = await broker.client(version)
  await client.subscribe(['reply/+', { qos: 2 }])
  return client
}

function question(version: Version, topic: string, fields: object | string, qos = 0, id = 0) {
  const isText = typeof fields === 'string'
  const text = isText ? fields : JSON.stringify(version === 5 ? fields : { ...fields, replyTo })
  const properties = [property.responseTopic(replyTo), property.correlationData(Buffer.from('c'))]
  const options = version === 5 ? { qos, id, properties } : { qos, id }
  return publish(version, `$msgbus/history/${topic}`, text, options)
}

const replyTo = 'reply/me'

async function answerOf(client: RawClient): Promise<Answer> {
  const { topic, payload } = await client.message()
  assert.equal(topic, replyTo)
  return JSON.parse(payload) as Answer
}

const textsOf = ({ messages }: Answer) => messages.map(({ text }) => text)

conformance('history 1', 'of a topic, in pages', async ({ broker, version }) => {
  await stored(broker, ['a', '1'], ['b', 'x'], ['a', '2'], ['a', '3'])
  const client = await asking(broker, version)
  client.send(question(version, 'a', { limit: 2, id: 'first' }))
  const first = await answerOf(client)
  assert.deepEqual([textsOf(first), first.end, first.id], [['1', '2'], false, 'first'])
  client.send(question(version, 'a', { limit: 2, after: first.next }))
  const second = await answerOf(client)
  assert.deepEqual([textsOf(second), second.end], [['3'], true])
  client.send(question(version, 'a', { newest: 2 }))
  assert.deepEqual(textsOf(await answerOf(client)), ['2', '3'])
  client.send(question(version, 'nothing', {}))
  assert.deepEqual(await answerOf(client), { messages: [], next: 4, end: true })
})

conformance('history 2', 'of a filter, in commit order', async ({ broker, version }) => {
  await stored(broker, ['t/a', '1'], ['other', 'x'], ['t/b', '2'], ['t', '3'])
  const client = await asking(broker, version)
  client.send(question(version, '', { filter: 't/#' }))
  const { messages } = await answerOf(client)
  assert.deepEqual(
    messages.map(({ topic, headId, sequence }) => [topic, headId, sequence]),
    [
      ['t/a', 1, 1],
      ['t/b', 1, 3],
      ['t', 1, 4],
    ],
  )
})

conformance('history 3', 'with every QoS', async ({ broker, version }) => {
  await stored(broker, ['a', 'one'])
  const client = await asking(broker, version)
  client.send(question(version, 'a', {}, 1, 5))
  await client.gets(puback(5))
  const { qos, id, payload } = await client.message()
  assert.deepEqual([qos, textsOf(JSON.parse(payload) as Answer)], [1, ['one']])
  client.send(puback(id))
  client.send(question(version, 'a', {}, 2, 6))
  await client.gets(pubrec(6))
  client.send(pubrel(6))
  const packets = [await client.next(), await client.next()].map((packet) => packet.toString('hex'))
  assert.ok(packets.includes(Buffer.from(pubcomp(6)).toString('hex')), String(packets))
})

conformance('history 4', 'what cannot be answered is said', async ({ broker, version }) => {
  const client = await asking(broker, version)
  for (const [fields, topic] of [
    [{ limit: 0 }, 'a'],
    [{ limit: 1_001 }, 'a'],
    [{ surprise: 1 }, 'a'],
    [{ filter: 'b' }, 'a'],
    [{}, ''],
    [{ filter: 'a#' }, ''],
    [{ filter: 'a/+', newest: 1 }, ''],
  ] as const) {
    client.send(question(version, topic, fields))
    const message = await client.message()
    const { error } = JSON.parse(message.payload) as Answer
    assert.equal(error?.reason, 'bad_argument', JSON.stringify(fields))
    if (version === 5) assert.ok(JSON.stringify(message.properties).includes('msgbus-error'))
  }
  client.send(question(version, '', { filter: '$msgbus.x' }))
  assert.equal((await answerOf(client)).error?.code, 'permission_denied')
})

conformance('history 5', 'nobody to answer, and other names there', async ({ broker, version }) => {
  const client = await broker.client(version)
  const refused = (id: number, code: number) => (version === 5 ? puback(id, code) : puback(id))
  client.send(question(version, 'a', {}, 1, 1))
  await client.gets(refused(1, 0x83))
  client.send(publish(version, '$msgbus/history/a', '', { qos: 1, id: 2 }))
  await client.gets(refused(2, 0x83))
  client.send(publish(version, '$msgbus/other', '', { qos: 1, id: 3 }))
  await client.gets(refused(3, 0x87))
  await client.quiet()
})

conformance('history 6', 'only so many at a time', async ({ broker, version }) => {
  const client = await asking(broker, version)
  const ids = Array.from({ length: 9 }, (_, i) => i + 1)
  client.send(...ids.map((id) => question(version, 'a', {}, 1, id)))
  const packets: Buffer[] = []
  while (packets.length < 17) packets.push(await client.next())
  const answers = packets.filter((packet) => packet.readUInt8(0) >>> 4 === 3)
  assert.equal(answers.length, 8)
})
