/** A WebSocket whose other end is the test: it sees the frames that are sent, and answers with frames. */

import type { WebSocketClass, WebSocketInstance } from '../../src/client/browser.ts'
import { decodeFrames } from '../../src/wire/web-socket/decode-frames.ts'
import { FrameBatch } from '../../src/wire/web-socket/frame-batch.ts'
import {
  decodeOpen,
  encodeHello,
  encodeStatus,
  frameKinds,
} from '../../src/wire/web-socket/tunnel-frame.ts'

type Listener = (event: object) => void

export interface SentFrame {
  readonly kind: number
  readonly call: number
  readonly body: Uint8Array
}

export class FakeWebSocket implements WebSocketInstance {
  readonly url: string
  readonly protocols: readonly string[]
  binaryType = 'blob'
  /** What the client sent and nobody took. */
  readonly frames: SentFrame[] = []
  /** How many messages it came in. */
  messages = 0
  isClosed = false
  readonly #listeners = new Map<string, Listener[]>()

  constructor(url: string, protocols: string[]) {
    this.url = url
    this.protocols = protocols
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    const listeners = this.#listeners.get(type) ?? []
    listeners.push(listener as Listener)
    this.#listeners.set(type, listeners)
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.isClosed) return
    this.messages += 1
    decodeFrames(data, data.length, (kind, call, start, end) => {
      this.frames.push({ kind, call, body: data.slice(start, end) })
    })
  }

  close(): void {
    this.drop(1000, '')
  }

  /** The connection stands, and the daemon's first frame comes. */
  open(requestBytesMost = 1_000_000): void {
    this.emit('open', {})
    this.answer([frameKinds.hello, 0, encodeHello({ requestBytesMost, callsMost: 10 })])
  }

  /** Frames in one message. */
  answer(...frames: readonly (readonly [kind: number, call: number, body?: Uint8Array])[]): void {
    const batch = new FrameBatch()
    for (const [kind, call, body] of frames) batch.add(kind, call, body)
    this.emit('message', { data: batch.take().buffer })
  }

  end(call: number, code = 0, reason = '', message = ''): void {
    this.answer([frameKinds.status, call, encodeStatus({ code, reason, message })])
  }

  /** It is gone. */
  drop(code: number, reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    queueMicrotask(() => this.emit('close', { code, reason }))
  }

  emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }

  /** Kinds of the frames sent since the last time, with the path of those that open a call. */
  taken(): string[] {
    const names = Object.entries(frameKinds)
    return this.frames.splice(0).map(({ kind, call, body }) => {
      const name = names.find(([, value]) => value === kind)?.[0] ?? String(kind)
      return kind === frameKinds.open ? `open ${call} ${decodeOpen(body).path}` : `${name} ${call}`
    })
  }
}

/** A class that makes them, with all that it made. */
export function fakeWebSockets(): {
  readonly webSocket: WebSocketClass
  readonly made: FakeWebSocket[]
} {
  const made: FakeWebSocket[] = []
  class Recorded extends FakeWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      made.push(this)
    }
  }
  return { webSocket: Recorded, made }
}
