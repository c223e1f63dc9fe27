/**
 * One MQTT connection by hand: bytes out, bytes in, nothing understood but where a packet ends.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import {
  bytes,
  connect,
  type ConnectOptions,
  type FilterRequest,
  type Part,
  pingreq,
  type Published,
  readProperties,
  readPublish,
  readVarint,
  short,
  subscribe,
  type Version,
} from './bytes.ts'

export type Expected = string | Uint8Array

export class RawClient {
  readonly version: Version
  readonly socket: Socket
  readonly #packets: Buffer[] = []
  #kept: Buffer = Buffer.alloc(0)
  #isEnded = false
  #wake: () => void = () => undefined
  #nextId = 1

  /** A connection on which nothing was said yet. */
  static async open(port: number, version: Version): Promise<RawClient> {
    const socket = dial({ host: '127.0.0.1', port })
    socket.setNoDelay(true)
    const client = new RawClient(socket, version)
    await once(socket, 'connect')
    return client
  }

  constructor(socket: Socket, version: Version) {
    this.socket = socket
    this.version = version
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    const end = () => {
      this.#isEnded = true
      this.#wake()
    }
    socket.on('error', end).on('end', end).on('close', end)
  }

  send(...parts: readonly Part[]): void {
    this.socket.write(bytes(...parts))
  }

  /** The next packet, whatever it is. @throws when the connection ends before */
  async next(): Promise<Buffer> {
    for (;;) {
      const packet = this.#packets.shift()
      if (packet !== undefined) return packet
      if (this.#isEnded) throw new Error('the connection ended')
      await this.#news()
    }
  }

  /** The next packets must be these. */
  async gets(...expected: readonly Expected[]): Promise<void> {
    for (const one of expected) {
      const hex =
        typeof one === 'string' ? one.replaceAll(' ', '') : Buffer.from(one).toString('hex')
      assert.equal((await this.next()).toString('hex'), hex)
    }
  }

  /** The next packet must be a PUBLISH. */
  async message(): Promise<Published> {
    const packet = await this.next()
    assert.equal(packet.readUInt8(0) >>> 4, 3, `a PUBLISH, not ${packet.toString('hex')}`)
    return readPublish(this.version, packet)
  }

  /** The next packets must be PUBLISH with these payloads. Answers them. */
  async payloads(...expected: readonly string[]): Promise<Published[]> {
    const messages: Published[] = []
    for (const _ of expected) messages.push(await this.message())
    assert.deepEqual(
      messages.map(({ payload }) => payload),
      expected,
    )
    return messages
  }

  /** Everything sent so far was handled, and nothing was sent back but what was taken. */
  async quiet(): Promise<void> {
    this.send(pingreq)
    await this.gets('d000')
  }

  /** The connection ends, after these packets and no others. */
  async closes(...expected: readonly Expected[]): Promise<void> {
    await this.gets(...expected)
    while (!this.#isEnded) await this.#news()
    assert.deepEqual(
      this.#packets.map((packet) => packet.toString('hex')),
      [],
      'what came before the end',
    )
  }

  /** CONNECT, and CONNACK that says success. Answers whether a session was present. */
  async connect(options: Omit<ConnectOptions, 'version'> = {}): Promise<boolean> {
    this.send(connect({ ...options, version: this.version }))
    const { code, isPresent } = await this.connack()
    assert.equal(code, 0)
    return isPresent
  }

  /** The next packet must be a CONNACK. */
  async connack(): Promise<{
    readonly code: number
    readonly isPresent: boolean
    readonly properties: ReadonlyMap<number, string | number>
  }> {
    const packet = await this.next()
    assert.equal(packet[0], 0x20, `a CONNACK, not ${packet.toString('hex')}`)
    const [, start] = readVarint(packet, 1)
    const [isPresent, code] = [packet[start] === 1, packet.readUInt8(start + 1)]
    const [, at] = packet.length > start + 2 ? readVarint(packet, start + 2) : [0, packet.length]
    return { code, isPresent, properties: new Map(readProperties(packet.subarray(at))) }
  }

  /** SUBSCRIBE, and SUBACK that grants what was asked for. */
  async subscribe(...filters: readonly FilterRequest[]): Promise<void> {
    const id = this.nextId()
    this.send(subscribe(this.version, id, filters))
    const codes = filters.map(([, options]) => options?.qos ?? 0)
    await this.suback(id, ...codes)
  }

  /** The next packet must be this SUBACK. */
  async suback(id: number, ...codes: readonly number[]): Promise<void> {
    const properties = this.version === 5 ? [0] : []
    const length = 2 + properties.length + codes.length
    await this.gets(bytes(0x90, length, short(id), ...properties, ...codes))
  }

  nextId(): number {
    return this.#nextId++
  }

  /** Cuts the connection; the daemon has seen it when `other` is answered next. */
  destroy(): void {
    this.socket.destroy()
  }

  /** Ends the connection and waits until the daemon has ended it, too. */
  async end(): Promise<void> {
    this.socket.resume()
    this.socket.end()
    if (!this.socket.closed) await once(this.socket, 'close')
  }

  #take(chunk: Buffer): void {
    this.#kept = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    for (;;) {
      const end = packetEnd(this.#kept)
      if (end === undefined || end > this.#kept.length) break
      this.#packets.push(this.#kept.subarray(0, end))
      this.#kept = this.#kept.subarray(end)
    }
    this.#wake()
  }

  async #news(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}

function packetEnd(from: Buffer): number | undefined {
  for (let at = 1; at < from.length && at < 5; at++) {
    if ((from[at] ?? 0) >= 0x80) continue
    const [length, start] = readVarint(from, 1)
    return start + length
  }
  return undefined
}
