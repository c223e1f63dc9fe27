/**
 * What the tunnel's suites stand on: the adapter with its gate on an HTTP port, and a client end that knows frames and
 * nothing else.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { systemClock } from '../../core/clock.ts'
import { WebSocketGates } from '../../net/web-socket-gates.ts'
import { WebSocketServer } from '../../net/web-socket-server.ts'
import { decodeFrames } from '../../wire/web-socket/decode-frames.ts'
import { FrameBatch } from '../../wire/web-socket/frame-batch.ts'
import {
  decodeCredit,
  decodeStatus,
  encodeOpen,
  frameKinds,
  type StatusFrame,
  tunnelPath,
  tunnelProtocol,
} from '../../wire/web-socket/tunnel-frame.ts'
import { startTestDaemon, type TestDaemon, type TestDaemonOptions } from './grpc-suite.ts'

export interface TunnelDaemon extends TestDaemon {
  /** `ws://127.0.0.1:port/msgbus` */
  readonly url: string
  readonly webSockets: WebSocketServer
}

/** Stopped with the test. */
export async function startTunnelDaemon(
  t: TestContext,
  options: TestDaemonOptions = {},
): Promise<TunnelDaemon> {
  const gates = new WebSocketGates()
  const daemon = await startTestDaemon({
    ...options,
    context: { ...options.context, webSockets: gates },
  })
  const webSockets = new WebSocketServer(systemClock)
  const server = createServer()
  let address = ''
  server.on('upgrade', (request, socket, head) => {
    const gate = gates.at(request.url ?? '')
    if (gate === undefined || !(socket instanceof Socket)) socket.destroy()
    else webSockets.accept(gate, { request, socket, head, listener: address })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  address = `127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`
  t.after(async () => {
    await daemon.stop()
    await webSockets.stop(0)
    server.close()
  })
  return { ...daemon, webSockets, url: `ws://${address}${tunnelPath}` }
}

export interface ReceivedFrame {
  readonly kind: number
  readonly call: number
  readonly body: Buffer
}

export type RawFrame = readonly [kind: number, call: number, body?: Uint8Array]

/** The frames of one WebSocket, one by one. */
export class RawTunnel {
  readonly webSocket: WebSocket
  /** Frames nobody has taken. */
  readonly frames: ReceivedFrame[] = []
  /** Sizes of the WebSocket messages that came. */
  readonly messages: number[] = []
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  #wake: () => void = () => undefined

  constructor(url: string) {
    this.webSocket = new WebSocket(url, [tunnelProtocol])
    this.webSocket.on('message', (data: Buffer) => {
      this.messages.push(data.length)
      decodeFrames(data, data.length, (kind, call, start, end) => {
        this.frames.push({ kind, call, body: data.subarray(start, end) })
      })
      this.#wake()
    })
    this.webSocket.on('error', () => undefined)
    this.closed = once(this.webSocket, 'close').then(([code, reason]) => {
      this.#wake()
      return { code: Number(code), reason: String(reason) }
    })
  }

  /** Opens one and takes the daemon's first frame. */
  static async open(t: TestContext, url: string): Promise<RawTunnel> {
    const tunnel = new RawTunnel(url)
    t.after(() => tunnel.webSocket.terminate())
    await tunnel.take(({ kind }) => kind === frameKinds.hello)
    return tunnel
  }

  /** Together, as far as they may share a message. */
  send(...frames: readonly RawFrame[]): void {
    const batch = new FrameBatch()
    for (const [kind, call, body] of frames) {
      if (!batch.fits(call, body?.length ?? 0)) this.webSocket.send(batch.take())
      batch.add(kind, call, body)
    }
    this.webSocket.send(batch.take())
  }

  /** Begins a call, with its first request if there is one. */
  begin(
    call: number,
    method: { readonly path: string },
    request?: Uint8Array,
    more: { readonly timeoutMs?: number; readonly metadata?: ReadonlyMap<string, string> } = {},
  ): void {
    const { timeoutMs = 0, metadata = new Map() } = more
    const open = encodeOpen({ path: method.path, timeoutMs, metadata })
    if (request === undefined) this.send([frameKinds.open, call, open])
    else this.send([frameKinds.open, call, open], [frameKinds.message, call, request])
  }

  /** The first frame of this kind, now or when it comes. Rejects when the connection closes before. */
  async take(matches: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame> {
    for (;;) {
      const found = this.frames.findIndex(matches)
      const [frame] = found === -1 ? [] : this.frames.splice(found, 1)
      if (frame !== undefined) return frame
      if (this.webSocket.readyState === WebSocket.CLOSED) throw new Error('the tunnel is closed')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async message(call: number): Promise<Buffer> {
    const { message } = frameKinds
    return (await this.take((frame) => frame.kind === message && frame.call === call)).body
  }

  async status(call: number): Promise<StatusFrame> {
    const { status } = frameKinds
    const frame = await this.take((one) => one.kind === status && one.call === call)
    return decodeStatus(frame.body)
  }

  async credit(call: number): Promise<number> {
    const { credit } = frameKinds
    return decodeCredit((await this.take((one) => one.kind === credit && one.call === call)).body)
  }

  /** Everything sent before was handled when this resolves. */
  async barrier(): Promise<void> {
    this.send([frameKinds.ping, 0])
    await this.take(({ kind }) => kind === frameKinds.pong)
  }
}
