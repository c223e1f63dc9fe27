// Every entry of the vectors that is about octets, URIs, topics and payloads.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { ProtocolError } from '../../../src/model/errors.ts'
import { payloadOf, writeNatural } from '../../../src/wire/wamp/natural-form.ts'
import { RawSocketFrames, writeHead } from '../../../src/protocols/wamp/raw-socket.ts'
import { ByteSink } from '../../../src/wire/wamp/byte-sink.ts'
import { MessageDecoder } from '../../../src/wire/wamp/decode-message.ts'
import { json } from '../../../src/wire/wamp/json.ts'
import { isClientType } from '../../../src/wire/wamp/message-types.ts'
import { WampPayload } from '../../../src/wire/wamp/payload.ts'
import { type Serializer, Spans } from '../../../src/wire/wamp/serializer.ts'
import { allSerializers, serializers } from '../../../src/wire/wamp/serializers.ts'
import { topicToUri, uriToTopic } from '../../../src/wire/wamp/topic.ts'
import { isUri, uriMatches } from '../../../src/wire/wamp/uri.ts'
import { conformance } from './router.ts'
import { vectors } from './vectors.ts'

const bytesOf = (serializer: Serializer, text: string) =>
  serializer === json ? Buffer.from(text) : Buffer.from(text, 'hex')

function encoded(serializer: Serializer, value: Parameters<Serializer['encode']>[1]): string {
  const sink = new ByteSink()
  serializer.encode(sink, value)
  const bytes = Buffer.from(sink.toBytes())
  return serializer === json ? bytes.toString() : bytes.toString('hex')
}

suite('messages', () => {
  for (const vector of vectors.messages) {
    test(vector.name, () => {
      for (const from of allSerializers) {
        const bytes = bytesOf(from, vector[from.name])
        from.split(bytes, 0, bytes.length, new Spans())
        const value = from.decode(bytes, 0, bytes.length)
        for (const to of allSerializers) {
          const expected = vector[to.name]
          // Which characters of JSON are escaped is nobody's business.
          const same = to === json ? JSON.stringify(JSON.parse(expected)) : expected
          assert.equal(encoded(to, value), same, `${from.name} to ${to.name}`)
        }
        const type = Number(Array.isArray(value) ? value[0] : NaN)
        const decode = () => new MessageDecoder(from).decode(bytes, 0, bytes.length)
        const isAnswerToCall = vector.name.startsWith('ERROR')
        if (isClientType(type) && !isAnswerToCall) assert.equal(decode().type, type)
        else assert.throws(decode, ProtocolError)
      }
    })
  }
})

suite('what is taken', () => {
  for (const { name, serializer, hex, same_as: same } of vectors.accept) {
    test(`${serializer}: ${name}`, () => {
      const bytes = Buffer.from(hex, 'hex')
      const plain = Buffer.from(same)
      assert.deepEqual(
        new MessageDecoder(serializers[serializer]).decode(bytes, 0, bytes.length),
        new MessageDecoder(json).decode(plain, 0, plain.length),
      )
    })
  }
})

for (const { name, serializer, hex, text = '' } of vectors.reject) {
  conformance('reject', `${serializer}: ${name}`, async (router) => {
    const client = await router.client({ serializer })
    client.sendBytes(hex === undefined ? text : Buffer.from(hex, 'hex'))
    await client.aborts()
  })
}

suite('URIs', () => {
  for (const { uri, ...validity } of vectors.uris) {
    test(JSON.stringify(uri), () => {
      for (const match of ['exact', 'prefix', 'wildcard'] as const) {
        for (const check of ['loose', 'strict'] as const) {
          assert.equal(isUri(uri, match, check), validity[match][check], `${match} ${check}`)
        }
      }
    })
  }
})

suite('patterns', () => {
  for (const { match, pattern, topic, matches } of vectors.patterns) {
    test(`${match} ${JSON.stringify(pattern)} and ${topic}`, () => {
      assert.equal(uriMatches(pattern, match, topic), matches)
    })
  }
})

suite('topics', () => {
  for (const { core, wamp } of vectors.topics) {
    test(core, () => {
      assert.equal(topicToUri(core), wamp)
      assert.equal(uriToTopic(wamp), core)
    })
  }
})

suite('payloads', () => {
  for (const vector of vectors.payloads.wamp_to_bytes) {
    const { args, kwargs, wamp_header: header, content_type: type, payload_hex: hex } = vector
    test(`arguments ${JSON.stringify([args, kwargs])}`, () => {
      const argsText = Buffer.from(JSON.stringify(args))
      const kwargsText = Buffer.from(JSON.stringify(kwargs))
      const hasKwargs = Object.keys(kwargs).length > 0
      const hasArgs = args.length > 0 || hasKwargs
      const written = new WampPayload(json, Buffer.concat([argsText, kwargsText]), {
        argsStart: 0,
        argsEnd: hasArgs ? argsText.length : 0,
        kwargsStart: hasKwargs ? argsText.length : 0,
        kwargsEnd: hasKwargs ? argsText.length + kwargsText.length : 0,
      })
      for (const from of allSerializers) {
        const sink = new ByteSink()
        const headers = writeNatural(sink, written.in(from))
        assert.equal(Buffer.from(sink.toBytes()).toString('hex'), hex, from.name)
        assert.equal(headers.get('wamp'), header)
        assert.equal(headers.get('content-type') ?? '', type)
        const natural = { bytes: sink.bytes, start: 0, end: sink.length, headers }
        for (const to of allSerializers) {
          const back = payloadOf(natural, to)
          assert.deepEqual([back.args, back.kwargs], [written.args, written.kwargs])
        }
      }
    })
  }

  for (const { payload_hex: hex, content_type: type, args } of vectors.payloads
    .bytes_to_wamp_auto) {
    test(`octets ${hex} of type ${type ?? '(none)'}`, () => {
      const bytes = Buffer.from(hex, 'hex')
      const headers = new Map(type === null ? [] : [['content-type', type]])
      const expected = Buffer.from(JSON.stringify(args))
      const natural = { bytes, start: 0, end: bytes.length, headers }
      for (const to of allSerializers) {
        assert.deepEqual(payloadOf(natural, to).args, json.decode(expected, 0, expected.length))
      }
    })
  }
})

for (const { name, client, router: answer = '', octets = '' } of vectors.rawsocket) {
  if (client !== undefined) {
    conformance('32 to 35', `RawSocket, ${name}`, async (router) => {
      const socket = connect({ host: '127.0.0.1', port: router.port })
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.write(Buffer.from(client, 'hex'))
      const expected = answer.replace('L', 'f').match(/^[0-9a-f]+/)?.[0] ?? ''
      if (answer.includes('close')) await once(socket, 'close')
      else await once(socket, 'data')
      const isRefused = client.startsWith('7f')
      assert.equal(Buffer.concat(chunks).toString('hex'), isRefused ? expected : '')
      socket.destroy()
    })
    continue
  }
  test(`RawSocket, ${name}`, () => {
    const bytes = Buffer.from(octets, 'hex')
    const isFailure = name.includes('fail the connection')
    const [type, length] = frameOf(name)
    const seen: unknown[] = []
    const handler = {
      isHeld: false,
      message: (_bytes: Uint8Array, start: number, end: number) => seen.push([0, end - start]),
      ping: (_bytes: Uint8Array, start: number, end: number) => seen.push([1, end - start]),
      pong: () => seen.push([2, length]),
    }
    const frames = new RawSocketFrames(handler, 2 ** 24)
    const all = Buffer.concat([bytes, Buffer.alloc(length)])
    if (isFailure) {
      assert.throws(() => frames.push(bytes, 0, bytes.length), ProtocolError)
      return
    }
    for (let i = 0; i < 6; i++) frames.push(all, i, i + 1)
    frames.push(all, 6, all.length)
    assert.deepEqual(seen, [[type, length]])
    const head = new Uint8Array(4)
    writeHead(head, 0, type, length)
    assert.equal(Buffer.from(head).toString('hex'), octets)
  })
}

function frameOf(name: string): readonly [type: number, length: number] {
  const type = name.includes('PING') ? 1 : name.includes('PONG') ? 2 : 0
  return [type, Number(/of (\d+) octets/.exec(name)?.[1] ?? 0)]
}
