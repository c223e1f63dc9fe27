/**
 * One BUS/RT connection by hand: bytes out, bytes in, nothing understood but where a frame ends.
 * Pings of the broker may come anywhere and are skipped (spec/busrt 11).
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectSecurely } from 'node:tls'
import { createWebSocketStream, WebSocket } from 'ws'
import { ack, hex, introduction, message, messageFrom } from './bytes.ts'
import type { BrokerAddress } from './broker.ts'
import { Chunking } from './chunking.ts'

const uncut = new Chunking('nowhere')
const fenceId = 0xfe_fe_fe_fe

/** A socket, or a WebSocket as a stream, which has no addresses. */
type ByteStream = Duplex & Partial<Pick<Socket, 'localAddress' | 'localPort' | 'remotePort'>>

export class RawClient {
  readonly socket: ByteStream
  readonly name: string
  readonly #chunking: Chunking
  /** What came and was not taken: the rest of `#bytes` from `#start`, then the chunks. */
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #chunks: Buffer[] = []
  #unread = 0
  #isEnded = false
  #wake: () => void = () => undefined
  #pings = 0

  /** A connection on which nothing was said yet. Writes go out as `chunking` has it. */
  static async connect(
    address: BrokerAddress,
    name = '',
    chunking: Chunking = uncut,
  ): Promise<RawClient> {
    const { ca, url, ...plain } = address
    if (url !== undefined) return RawClient.#overWebSocket(url, name, chunking)
    const isSecure = ca !== undefined
    const socket: Socket = isSecure ? connectSecurely({ ...plain, ca }) : connect(plain)
    socket.setNoDelay(true)
    const client = new RawClient(socket, name, chunking)
    await once(socket, isSecure ? 'secureConnect' : 'connect')
    return client
  }

  static async #overWebSocket(url: string, name: string, chunking: Chunking): Promise<RawClient> {
    const webSocket = new WebSocket(url)
    const client = new RawClient(createWebSocketStream(webSocket), name, chunking)
    await once(webSocket, 'open')
    return client
  }

  private constructor(socket: ByteStream, name: string, chunking: Chunking) {
    this.socket = socket
    this.name = name
    this.#chunking = chunking
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.#unread += chunk.length
      this.#wake()
    })
    const end = () => {
      this.#isEnded = true
      this.#wake()
    }
    // A broker that closes with unread bytes resets a TCP connection: an end like any other.
    socket.on('error', end).on('end', end).on('close', end)
  }

  /** How many pings of the broker were skipped so far. */
  get pings(): number {
    return this.#pings
  }

  /** Registers, written in one piece. */
  async register(): Promise<this> {
    await uncut.write(this.socket, introduction(this.name))
    assert.equal((await this.take(5)).toString('hex'), 'eb01000101', `registering ${this.name}`)
    return this
  }

  async send(...frames: readonly (Uint8Array | string)[]): Promise<void> {
    const bytes = frames.map((frame) => (typeof frame === 'string' ? hex(frame) : frame))
    await this.#chunking.write(this.socket, Buffer.concat(bytes))
  }

  /** Exactly so many bytes. @throws when the connection ends before */
  async take(count: number): Promise<Buffer> {
    while (this.#unread < count) {
      if (this.#isEnded) {
        const rest = this.#rest().toString('hex') || 'nothing'
        throw new Error(`the connection of '${this.name}' ended after ${rest}`)
      }
      await this.#news()
    }
    if (this.#bytes.length - this.#start < count) this.#rest()
    this.#unread -= count
    this.#start += count
    return this.#bytes.subarray(this.#start - count, this.#start)
  }

  /** The next frame that is no ping, header and body. */
  async frame(): Promise<Buffer> {
    for (;;) {
      const header = await this.take(6)
      const kind = header.readUInt8(0)
      if (kind === 0xfe) return header
      if (kind !== 0) return Buffer.concat([header, await this.take(header.readUInt32LE(1))])
      assert.equal(header.toString('hex'), '000000000000')
      this.#pings += 1
    }
  }

  /** The next frame must be a ping. */
  async ping(): Promise<void> {
    assert.equal((await this.take(6)).toString('hex'), '000000000000')
    this.#pings += 1
  }

  /** The next frames must be these, in this order. */
  async gets(...frames: readonly (Uint8Array | string)[]): Promise<void> {
    for (const frame of frames) {
      const expected = typeof frame === 'string' ? hex(frame) : Buffer.from(frame)
      const seen = await this.frame()
      if (!seen.equals(expected)) assert.equal(shown(seen), shown(expected), this.name)
    }
  }

  /** The next frames must be these, in any order. */
  async getsInAnyOrder(...frames: readonly Uint8Array[]): Promise<void> {
    const seen: string[] = []
    while (seen.length < frames.length) seen.push(shown(await this.frame()))
    assert.deepEqual(seen.toSorted(), frames.map(shown).toSorted(), this.name)
  }

  /** The broker closes, and nothing but pings comes before. */
  async isClosed(): Promise<void> {
    while (!this.#isEnded) await this.#news()
    const rest = this.#rest().toString('hex')
    assert.match(rest, /^(000000000000)*$/, `what '${this.name}' got before the end`)
  }

  /** Everything sent so far was handled, and nothing else came: a message to itself is next. */
  async isUsable(): Promise<void> {
    await uncut.write(this.socket, message(this.name, 'fence', { id: fenceId }))
    await this.gets(messageFrom(this.name, 'fence'), ack(0x01, fenceId))
  }

  /** Ends the connection and waits until the broker has ended it, too. */
  async close(): Promise<void> {
    this.socket.resume()
    this.socket.end()
    if (!this.socket.closed) await once(this.socket, 'close')
  }

  /** All that was not taken, in one piece. */
  #rest(): Buffer {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#start), ...this.#chunks])
    this.#start = 0
    this.#chunks = []
    return this.#bytes
  }

  async #news(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}

/** Nothing of `sender` is on its way to them: what they get next is a message sent now. */
export async function getsNothingFrom(
  sender: RawClient,
  ...clients: readonly RawClient[]
): Promise<void> {
  for (const client of clients) {
    await uncut.write(sender.socket, message(client.name, 'fence', { qos: 0 }))
    await client.gets(messageFrom(sender.name, 'fence'))
  }
}

/** Long frames by their ends only, so that a difference can be read. */
function shown(frame: Uint8Array): string {
  const text = Buffer.from(frame).toString('hex')
  return text.length <= 400 ? text : `${text.slice(0, 200)}…${text.slice(-100)} (${frame.length})`
}
