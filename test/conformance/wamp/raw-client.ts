/**
 * One WAMP connection by hand, over RawSocket: messages in and out as lists, packed by serializers of others, and
 * nothing understood but where a frame ends.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { decode as decodeMessagePack, encode as encodeMessagePack } from '@msgpack/msgpack'
import * as cborg from 'cborg'

export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | undefined
  | readonly Json[]
  | { readonly [key: string]: Json }

export type SerializerName = 'json' | 'msgpack' | 'cbor'

const numbers: Readonly<Record<SerializerName, number>> = { json: 1, msgpack: 2, cbor: 3 }

export const violation = 'wamp.error.protocol_violation'

export class RawClient {
  readonly serializer: SerializerName
  readonly socket: Socket
  /** Of WELCOME. */
  session = 0
  welcome: { readonly [key: string]: Json } = {}
  readonly #frames: { readonly type: number; readonly bytes: Buffer }[] = []
  #kept: Buffer = Buffer.alloc(0)
  #isEnded = false
  #wake: () => void = () => undefined
  #nextRequest = 1

  static async open(
    port: number,
    serializer: SerializerName,
    lengthCode: number,
  ): Promise<RawClient> {
    const socket = dial({ host: '127.0.0.1', port })
    socket.setNoDelay(true)
    await once(socket, 'connect')
    return RawClient.over(socket, serializer, lengthCode)
  }

  /** On a connection that is open. */
  static async over(
    socket: Socket,
    serializer: SerializerName,
    lengthCode: number,
  ): Promise<RawClient> {
    socket.write(Buffer.of(0x7f, (lengthCode << 4) | numbers[serializer], 0, 0))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.equal(answer.toString('hex'), `7ff${numbers[serializer]}0000`)
    return new RawClient(socket, serializer)
  }

  constructor(socket: Socket, serializer: SerializerName) {
    this.socket = socket
    this.serializer = serializer
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    const end = () => {
      this.#isEnded = true
      this.#wake()
    }
    socket.on('error', end).on('end', end).on('close', end)
  }

  get nextRequest(): number {
    return this.#nextRequest++
  }

  /** A message, packed by the client's serializer. */
  send(message: readonly Json[]): void {
    this.sendBytes(pack(this.serializer, message))
  }

  /** The octets of a message: a string is taken as text. */
  sendBytes(message: Uint8Array | string): void {
    this.frame(0, Buffer.from(message as string))
  }

  frame(type: number, bytes: Uint8Array): void {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(bytes.length)
    head[0] = type
    this.socket.write(Buffer.concat([head, bytes]))
  }

  /** Octets of the next message. @throws when the connection ends before */
  async nextBytes(): Promise<Buffer> {
    const { type, bytes } = await this.#nextFrame()
    assert.equal(type, 0, 'a message')
    return bytes
  }

  /** The next message. */
  async next(): Promise<Json[]> {
    return unpack(this.serializer, await this.nextBytes())
  }

  /** The next messages must be these. */
  async gets(...expected: readonly (readonly Json[])[]): Promise<void> {
    for (const one of expected) assert.deepEqual(await this.next(), one)
  }

  /** The next message must be an EVENT of this subscription; its arguments. */
  async event(subscription: number): Promise<Received> {
    const message = await this.next()
    assert.deepEqual(message.slice(0, 2), [36, subscription], shown(message))
    const [, , publication, details, args = [], kwargs = {}] = message
    return { publication, details: details as Received['details'], args, kwargs }
  }

  /** Everything sent so far was handled, and nothing was sent back but what was taken. */
  async quiet(): Promise<void> {
    this.frame(1, Buffer.from('quiet'))
    const { type, bytes } = await this.#nextFrame()
    assert.equal(
      type,
      2,
      `nothing, not ${type === 0 ? shown(unpack(this.serializer, bytes)) : type}`,
    )
    assert.equal(bytes.toString(), 'quiet')
  }

  /** The connection ends, after these messages and no others. */
  async closes(...expected: readonly (readonly Json[])[]): Promise<void> {
    await this.gets(...expected)
    while (!this.#isEnded) await this.#news()
    assert.equal(this.#frames.length, 0, 'what came before the end')
  }

  /** The next message is an ABORT for this reason, and the end. */
  async aborts(reason = violation): Promise<void> {
    const message = await this.next()
    assert.deepEqual([message[0], message[2]], [3, reason], shown(message))
    await this.closes()
  }

  async join(realm = 'realm1', details: { readonly [key: string]: Json } = {}): Promise<void> {
    const roles = { publisher: {}, subscriber: {}, caller: {}, callee: {} }
    this.send([1, realm, { roles, ...details }])
    const message = await this.next()
    assert.equal(message[0], 2, shown(message))
    this.session = Number(message[1])
    this.welcome = message[2] as typeof this.welcome
  }

  /** SUBSCRIBE, and SUBSCRIBED; the id. */
  async subscribe(topic: string, options: { readonly [key: string]: Json } = {}): Promise<number> {
    const request = this.nextRequest
    this.send([32, request, options, topic])
    const message = await this.next()
    assert.deepEqual(message.slice(0, 2), [33, request], shown(message))
    return Number(message[2])
  }

  async unsubscribe(subscription: number): Promise<void> {
    const request = this.nextRequest
    this.send([34, request, subscription])
    await this.gets([35, request])
  }

  /** PUBLISH without an answer. */
  publish(topic: string, args?: Json, kwargs?: Json, options: Json = {}): void {
    const message: Json[] = [16, this.nextRequest, options, topic]
    if (args !== undefined) message.push(args)
    if (kwargs !== undefined) message.push(kwargs)
    this.send(message)
  }

  /** PUBLISH with an answer; the id of the publication. */
  async publishAcknowledged(
    topic: string,
    args?: Json,
    kwargs?: Json,
    options: { readonly [key: string]: Json } = {},
  ): Promise<number> {
    this.publish(topic, args, kwargs, { ...options, acknowledge: true })
    const message = await this.next()
    assert.deepEqual(message.slice(0, 2), [17, this.#nextRequest - 1], shown(message))
    return Number(message[2])
  }

  /** The next message must be an ERROR of this kind; its arguments. */
  async error(type: number, request: number, uri: string): Promise<Json> {
    const message = await this.next()
    assert.deepEqual([...message.slice(0, 3), message[4]], [8, type, request, uri], shown(message))
    return message[5]
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Ends the connection and waits until the router has ended it, too. */
  async end(): Promise<void> {
    this.socket.resume()
    this.socket.end()
    if (!this.socket.closed) await once(this.socket, 'close')
  }

  async #nextFrame(): Promise<{ readonly type: number; readonly bytes: Buffer }> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      if (this.#isEnded) throw new Error('the connection ended')
      await this.#news()
    }
  }

  #take(chunk: Buffer): void {
    this.#kept = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    while (this.#kept.length >= 4) {
      const end = 4 + this.#kept.readUIntBE(1, 3)
      if (end > this.#kept.length) break
      this.#frames.push({ type: this.#kept.readUInt8(0), bytes: this.#kept.subarray(4, end) })
      this.#kept = this.#kept.subarray(end)
    }
    this.#wake()
  }

  async #news(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}

export interface Received {
  readonly publication: Json
  readonly details: { readonly [key: string]: Json }
  readonly args: Json
  readonly kwargs: Json
}

export function pack(serializer: SerializerName, message: readonly Json[]): Uint8Array {
  if (serializer === 'json') return Buffer.from(JSON.stringify(message))
  if (serializer === 'cbor') return cborg.encode(message)
  return encodeMessagePack(message, { useBigInt64: true })
}

export function unpack(serializer: SerializerName, bytes: Uint8Array): Json[] {
  const message: unknown =
    serializer === 'json'
      ? JSON.parse(Buffer.from(bytes).toString())
      : serializer === 'cbor'
        ? cborg.decode(new Uint8Array(bytes))
        : decodeMessagePack(new Uint8Array(bytes))
  assert.ok(Array.isArray(message), 'a list')
  return message
}

function shown(message: readonly Json[]): string {
  return JSON.stringify(message, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}
