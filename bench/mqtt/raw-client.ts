/**
 * The least an MQTT 3.1.1 client can be: packets written beforehand, and what comes counted by the first byte. A load
 * made of it costs less than any broker.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type Qos = 0 | 1 | 2

/** Told of each packet: its first byte, and where its body stands. */
type OnPacket = (first: number, bytes: Buffer, start: number, end: number) => void

/** What came, in packets by type. */
export class PacketCounter {
  readonly counts = new Float64Array(16)
  readonly #onPacket: OnPacket | undefined
  #rest: Buffer = Buffer.alloc(0)

  constructor(onPacket?: OnPacket) {
    this.#onPacket = onPacket
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at + 2 <= bytes.length) {
      let length = 0
      let head = at + 1
      for (let shift = 0; ; shift += 7, head++) {
        const byte = bytes[head]
        if (byte === undefined) {
          this.#rest = bytes.subarray(at)
          return
        }
        length |= (byte & 0x7f) << shift
        if (byte < 0x80) break
      }
      const end = head + 1 + length
      if (end > bytes.length) break
      const first = bytes[at] as number
      this.counts[first >>> 4] = (this.counts[first >>> 4] ?? 0) + 1
      this.#onPacket?.(first, bytes, head + 1, end)
      at = end
    }
    this.#rest = bytes.subarray(at)
  }
}

export interface RawClientOptions {
  readonly port: number
  readonly clientId: string
  /** Default: true. */
  readonly cleanSession?: boolean
  /** What comes in the same piece behind CONNACK. */
  readonly next?: (chunk: Buffer) => void
}

/** Connects and waits for CONNACK. Nothing is read from then on until somebody listens. */
export async function openClient(options: RawClientOptions): Promise<Socket> {
  const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.write(connectPacket(options.clientId, options.cleanSession ?? true))
  const answer = await firstPiece(socket)
  if (answer[0] !== 0x20 || answer[3] !== 0) throw new Error(`CONNACK ${answer.toString('hex')}`)
  if (answer.length > 4) options.next?.(answer.subarray(4))
  socket.on('close', () => {
    if (!socket.writableEnded) ended(options.clientId)
  })
  return socket
}

/** What comes from now on. */
export function listen(socket: Socket, onData: (chunk: Buffer) => void): void {
  socket.on('data', onData)
  socket.resume()
}

/** Nothing behind it is read until somebody listens. */
async function firstPiece(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => {
      socket.pause()
      resolve(chunk)
    })
    socket.resume()
  })
}

/** Resolves with SUBACK; what comes behind it in the same piece is given to `next`. */
export async function subscribe(
  socket: Socket,
  filter: string,
  qos: Qos,
  next: (chunk: Buffer) => void = () => undefined,
): Promise<void> {
  const name = Buffer.from(filter)
  const body = Buffer.concat([Buffer.of(0, 1, 0, name.length), name, Buffer.of(qos)])
  socket.write(Buffer.concat([Buffer.of(0x82, body.length), body]))
  const answer = await firstPiece(socket)
  if (answer[0] !== 0x90) throw new Error(`SUBACK ${answer.toString('hex')}`)
  if (answer.length > 5) next(answer.subarray(5))
}

export function connectPacket(clientId: string, cleanSession: boolean): Buffer {
  const id = Buffer.from(clientId)
  const head = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, cleanSession ? 2 : 0, 0, 0])
  const body = Buffer.concat([head, Buffer.of(0, id.length), id])
  return Buffer.concat([Buffer.of(0x10, body.length), body])
}

/** @param id not looked at for QoS 0 */
export function publishPacket(
  topic: string,
  payload: Buffer,
  qos: Qos,
  id: number,
  retain = false,
): Buffer {
  const name = Buffer.from(topic)
  const identifier = qos === 0 ? Buffer.alloc(0) : Buffer.of(id >>> 8, id & 0xff)
  const body = Buffer.concat([Buffer.of(0, name.length), name, identifier, payload])
  const length: number[] = []
  let rest = body.length
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  length.push(rest)
  return Buffer.concat([Buffer.of(0x30 | (qos << 1) | (retain ? 1 : 0), ...length), body])
}

export function ackPacket(first: number, id: number): Buffer {
  return Buffer.of(first, 2, id >>> 8, id & 0xff)
}

function ended(clientId: string): void {
  process.stderr.write(`the broker closed the connection of ${clientId}\n`)
  process.exit(1)
}
