/**
 * A generator of unary gRPC calls that costs next to nothing: HTTP/2 frames written by hand on one
 * socket, headers encoded once, answers recognised by their frame headers alone. Any real client
 * library costs more per call than the daemon does, and would measure itself.
 */

import { once } from 'node:events'
import { connect } from 'node:net'
import { encodePublishRequest, msgbusService } from '../src/wire/gen/msgbus-v1.ts'

/** `ADDRESS [CALLS] [IN_FLIGHT]`: publishes 100-byte messages to a running daemon; prints the rate. */
export async function run([address, calls = '40000', inFlight = '64']: readonly string[]) {
  if (address === undefined) throw new Error('which daemon? give its host:port')
  const request = encodePublishRequest({ topic: 'bench/unary', payload: new Uint8Array(100) })
  const load = { address, path: msgbusService.publish.path, request, inFlight: Number(inFlight) }
  await runUnaryLoad({ ...load, calls: Math.ceil(Number(calls) / 4) })
  const seconds = await runUnaryLoad({ ...load, calls: Number(calls) })
  process.stdout.write(`${Math.round(Number(calls) / seconds)} publishes/s\n`)
}

export interface UnaryLoad {
  /** `host:port`, without TLS. */
  readonly address: string
  /** HTTP/2 path of the method. */
  readonly path: string
  /** The encoded request, the same for every call. */
  readonly request: Uint8Array
  readonly calls: number
  readonly inFlight: number
}

const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, window: 8 }
const endStream = 1
const endHeaders = 4
const acknowledgement = 1
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

/**
 * Runs the calls on a new connection.
 * @returns seconds from the first call to the last answer
 * @throws when a call fails
 */
export async function runUnaryLoad(load: UnaryLoad): Promise<number> {
  const colon = load.address.lastIndexOf(':')
  const socket = connect({
    host: load.address.slice(0, colon),
    port: Number(load.address.slice(colon + 1)),
    noDelay: true,
  })
  await once(socket, 'connect')
  const headers = headerBlock(load.path)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(load.request.length, 1)
  const body = Buffer.concat([prefix, load.request])
  // HEADERS and DATA of one call; only the stream id changes.
  const call = Buffer.concat([
    frame(frameType.headers, endHeaders, headers),
    frame(frameType.data, endStream, body),
  ])
  const secondFrame = 9 + headers.length

  return new Promise((resolve, reject) => {
    let sent = 0
    let answered = 0
    let messages = 0
    let stream = 1
    // What the server lets us send; it starts at the default of the protocol (RFC 9113 6.9.2).
    let window = 65_535
    let rest: Buffer = Buffer.alloc(0)
    const startedAt = performance.now()

    const fail = (text: string) => {
      socket.destroy()
      reject(new Error(text))
    }
    const fill = () => {
      const room = Math.min(load.inFlight - (sent - answered), load.calls - sent)
      const count = Math.min(room, Math.floor(window / body.length))
      if (count <= 0) return
      const block = Buffer.allocUnsafe(count * call.length)
      for (let i = 0; i < count; i++) {
        const at = i * call.length
        block.set(call, at)
        block.writeUInt32BE(stream, at + 5)
        block.writeUInt32BE(stream, at + secondFrame + 5)
        stream += 2
      }
      sent += count
      window -= count * body.length
      socket.write(block)
    }
    /** Handles one frame whose payload starts at `at`. */
    const take = (block: Buffer, type: number, flags: number, at: number, length: number) => {
      if (type === frameType.window && block.readUInt32BE(at - 4) === 0) {
        window += block.readUInt32BE(at)
      } else if (type === frameType.settings && (flags & acknowledgement) === 0) {
        socket.write(frame(frameType.settings, acknowledgement, Buffer.alloc(0)))
      } else if (type === frameType.ping && (flags & acknowledgement) === 0) {
        socket.write(frame(frameType.ping, acknowledgement, block.subarray(at, at + length)))
      } else if (type === frameType.goaway || type === frameType.reset) {
        fail(`the daemon sent frame type ${type}`)
      } else if (type === frameType.data) {
        // A failed call has a status and no message.
        messages += 1
      } else if (type === frameType.headers && (flags & endStream) !== 0) {
        answered += 1
        if (messages < answered) fail('a call failed')
      }
    }
    socket.on('data', (chunk) => {
      const block = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      while (at + 9 <= block.length) {
        const length = block.readUIntBE(at, 3)
        if (at + 9 + length > block.length) break
        take(block, block[at + 3] ?? 0, block[at + 4] ?? 0, at + 9, length)
        at += 9 + length
      }
      rest = block.subarray(at)
      if (answered < load.calls) return fill()
      socket.destroy()
      resolve((performance.now() - startedAt) / 1_000)
    })
    socket.on('error', (error) => fail(error.message))
    socket.on('close', () => fail('the connection was closed'))
    const settings = Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])
    const widen = Buffer.from([0x7f, 0xff, 0, 0])
    socket.write(
      Buffer.concat([
        Buffer.from(preface),
        frame(frameType.settings, 0, settings),
        frame(frameType.window, 0, widen),
      ]),
    )
    fill()
  })
}

/** A frame on stream 0 (RFC 9113 4.1). */
function frame(type: number, flags: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  return Buffer.concat([head, payload])
}

/** HPACK: fields without indexing, names spelled out (RFC 7541 6.2.2). */
function headerBlock(path: string): Buffer {
  const fields = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ] as const
  return Buffer.concat(
    fields.map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]),
    ),
  )
}
