/**
 * A client that speaks just enough HTTP/2 to open gRPC calls, and that ignores GOAWAY, as clients
 * of other languages may. Node's own client closes the connection on GOAWAY and so hides whether
 * the daemon can end by itself (defect L40).
 */

import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanUp } from './clean-up.ts'

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const frameTypes = { data: 0, headers: 1, settings: 4, ping: 6, goaway: 7 } as const
const flags = { ack: 0x1, endStream: 0x1, endHeaders: 0x4 } as const

export class RawHttp2Client {
  readonly #socket: Socket
  #input = Buffer.alloc(0)
  #nextStream = 1
  readonly #seen: number[] = []
  readonly #waiting = new Map<number, () => void>()
  /** Resolves when the daemon has ended its side of the connection. */
  readonly closed: Promise<void>

  private constructor(socket: Socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => {
      socket.once('end', resolve)
      socket.once('close', () => resolve())
    })
    // A reset is one way for the daemon to end it.
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.write(preface)
    this.#write(frameTypes.settings, 0, 0, Buffer.alloc(0))
  }

  /** @param address `127.0.0.1:port` */
  static async connect(t: TestContext, address: string): Promise<RawHttp2Client> {
    const [host = '', port] = address.split(':')
    // Half-open: the daemon's FIN does not make this side close either.
    const socket = connect({ host, port: Number(port), allowHalfOpen: true })
    cleanUp(t, () => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawHttp2Client(socket)
  }

  /** Sends a whole request. @param path `/package.Service/Rpc` @param message encoded */
  open(path: string, message: Uint8Array): void {
    const stream = this.#nextStream
    this.#nextStream += 2
    const headers = Buffer.concat([
      // Static table: POST, http; then literals that are not indexed (RFC 7541 6.1, 6.2.2).
      Buffer.from([0x83, 0x86]),
      literal(':path', path),
      literal(':authority', 'localhost'),
      literal('te', 'trailers'),
      literal('content-type', 'application/grpc'),
    ])
    this.#write(frameTypes.headers, flags.endHeaders, stream, headers)
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(message.length, 1)
    this.#write(frameTypes.data, flags.endStream, stream, Buffer.concat([prefix, message]))
  }

  /** Resolves when a frame of this kind has come, now or before. */
  async received(kind: keyof typeof frameTypes): Promise<void> {
    const type = frameTypes[kind]
    if (this.#seen.includes(type)) return
    await new Promise<void>((resolve) => this.#waiting.set(type, resolve))
  }

  #read(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk])
    while (this.#input.length >= 9) {
      const length = this.#input.readUIntBE(0, 3)
      if (this.#input.length < 9 + length) return
      const type = this.#input.readUInt8(3)
      const isAck = (this.#input.readUInt8(4) & flags.ack) !== 0
      const body = this.#input.subarray(9, 9 + length)
      this.#input = this.#input.subarray(9 + length)
      if (type === frameTypes.settings && !isAck) {
        this.#write(frameTypes.settings, flags.ack, 0, Buffer.alloc(0))
      }
      if (type === frameTypes.ping && !isAck) this.#write(frameTypes.ping, flags.ack, 0, body)
      this.#seen.push(type)
      this.#waiting.get(type)?.()
    }
  }

  #write(type: number, flag: number, stream: number, body: Buffer): void {
    const header = Buffer.alloc(9)
    header.writeUIntBE(body.length, 0, 3)
    header.writeUInt8(type, 3)
    header.writeUInt8(flag, 4)
    header.writeUInt32BE(stream, 5)
    this.#socket.write(Buffer.concat([header, body]))
  }
}

/** A header that is not indexed, its strings without Huffman coding and shorter than 127 bytes. */
function literal(name: string, value: string): Buffer {
  const strings = [name, value].map((text) => Buffer.from(text, 'latin1'))
  return Buffer.concat([
    Buffer.from([0]),
    ...strings.flatMap((text) => [Buffer.from([text.length]), text]),
  ])
}
