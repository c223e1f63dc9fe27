/**
 * A BUS/RT broker that does what a test says, byte by byte: on a Unix socket, in this process. It
 * registers whoever comes and acknowledges what wants it, unless the test decides otherwise.
 */

import { once } from 'node:events'
import net from 'node:net'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import { temporaryFolder } from '../../e2e/daemon-process.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import type { Scope } from '../../e2e/clean-up.ts'
import {
  ackFlag,
  deliveryKinds,
  opcodeMask,
  opcodes,
  results,
} from '../../../src/wire/busrt/frames.ts'

/** What a client sent. */
export interface Request {
  readonly opcode: number
  readonly flags: number
  readonly opId: number
  /** The body up to its first zero, or all of it. */
  readonly head: string
  /** What follows that zero. */
  readonly payload: Buffer
  /** All bytes of the frame. */
  readonly bytes: Buffer
}

export interface FakeBrokerOptions {
  /** Answer to a registration; `close`: none, the connection is closed. Default: welcome. */
  readonly register?: (name: string) => number | 'close'
  /** Result of an operation that wants an acknowledgement; undefined: none is sent. */
  readonly result?: (request: Request, session: FakeSession) => number | undefined
}

export class FakeBroker {
  readonly address: string
  readonly #options: FakeBrokerOptions
  #server: Server | undefined
  readonly #sockets = new Set<Socket>()
  readonly #sessions: FakeSession[] = []
  readonly #takers: ((session: FakeSession) => void)[] = []

  private constructor(t: Scope, options: FakeBrokerOptions) {
    this.address = join(temporaryFolder(t), 'bus.sock')
    this.#options = options
    cleanUp(t, () => this.stop())
  }

  static async start(t: Scope, options: FakeBrokerOptions = {}): Promise<FakeBroker> {
    const broker = new FakeBroker(t, options)
    await broker.start()
    return broker
  }

  async start(): Promise<void> {
    this.#server = net.createServer((socket) => this.#accept(socket)).listen(this.address)
    await once(this.#server, 'listening')
  }

  /** Closes every connection and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    if (server === undefined) return
    server.close()
    await once(server, 'close')
  }

  /** The next client that registers, in order. */
  session(): Promise<FakeSession> {
    const session = this.#sessions.shift()
    if (session !== undefined) return Promise.resolve(session)
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    // A client that goes away may reset the connection.
    socket.on('error', () => undefined)
    socket.write(Buffer.from([0xeb, 1, 0]))
    let bytes = Buffer.alloc(0)
    const greet = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const end = bytes.length < 5 ? Infinity : 5 + bytes.readUInt16LE(3)
      if (bytes.length < end) return
      socket.off('data', greet)
      const name = bytes.toString('utf8', 5, end)
      const result = this.#options.register?.(name) ?? results.ok
      socket.write(Buffer.from([results.ok, ...(result === 'close' ? [] : [result])]))
      if (result !== results.ok) {
        socket.end()
        return
      }
      const session = new FakeSession(socket, name, this.#options)
      session.receive(bytes.subarray(end))
      const taker = this.#takers.shift()
      if (taker === undefined) this.#sessions.push(session)
      else taker(session)
    }
    socket.on('data', greet)
  }
}

export class FakeSession {
  readonly name: string
  readonly socket: Socket
  readonly #options: FakeBrokerOptions
  #bytes = Buffer.alloc(0)
  /** Without pings. */
  readonly requests: Request[] = []
  pings = 0
  #checks: (() => void)[] = []

  constructor(socket: Socket, name: string, options: FakeBrokerOptions) {
    this.socket = socket
    this.name = name
    this.#options = options
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('close', () => this.#check())
  }

  receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    while (this.#bytes.length >= 9) {
      const flags = this.#bytes[4] ?? 0
      const end = 9 + (flags === opcodes.nop ? 0 : this.#bytes.readUInt32LE(5))
      if (this.#bytes.length < end) break
      const bytes = this.#bytes.subarray(0, end)
      this.#bytes = this.#bytes.subarray(end)
      if (flags === opcodes.nop) this.pings += 1
      else this.#take(flags, bytes)
    }
    this.#check()
  }

  /** Resolves when so many requests have come; with the last of them. */
  async request(count: number): Promise<Request> {
    await this.until(() => this.requests.length >= count)
    return this.requests[count - 1] as Request
  }

  /** Resolves when it is so, looked at after each byte from the client. Rejects when the client is gone. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (isSo()) resolve()
        else if (this.socket.destroyed) reject(new Error(`${this.name} is gone`))
        else return
        this.#checks = this.#checks.filter((other) => other !== check)
      }
      this.#checks.push(check)
      check()
    })
  }

  /** Resolves when the client has closed its side. */
  async closed(): Promise<void> {
    if (!this.socket.destroyed) await once(this.socket, 'close')
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  ack(opId: number, result: number): void {
    this.write(frame(deliveryKinds.ack, opId, result, Buffer.alloc(0)))
  }

  message(sender: string, payload: Buffer | string, realtime = false): void {
    this.#deliver(deliveryKinds.message, `${sender}\0`, payload, realtime)
  }

  publication(sender: string, topic: string, payload: Buffer | string, realtime = false): void {
    this.#deliver(deliveryKinds.publish, `${sender}\0${topic}\0`, payload, realtime)
  }

  broadcast(sender: string, payload: Buffer | string, realtime = false): void {
    this.#deliver(deliveryKinds.broadcast, `${sender}\0`, payload, realtime)
  }

  #deliver(kind: number, head: string, payload: Buffer | string, realtime: boolean): void {
    const body = Buffer.concat([Buffer.from(head), Buffer.from(payload)])
    this.write(frame(kind, body.length, realtime ? 1 : 0, body))
  }

  #take(flags: number, bytes: Buffer): void {
    const body = bytes.subarray(9)
    const zero = body.indexOf(0)
    const headEnd = zero === -1 ? body.length : zero
    const request: Request = {
      opcode: flags & opcodeMask,
      flags,
      opId: bytes.readUInt32LE(0),
      head: body.toString('utf8', 0, headEnd),
      payload: body.subarray(headEnd + 1),
      bytes: Buffer.from(bytes),
    }
    this.requests.push(request)
    if ((flags & ackFlag) === 0) return
    const { result = () => results.ok } = this.#options
    const answer = result(request, this)
    if (answer !== undefined) this.ack(request.opId, answer)
  }

  #check(): void {
    for (const check of this.#checks) check()
  }
}

function frame(kind: number, word: number, last: number, body: Buffer): Buffer {
  const head = Buffer.alloc(6)
  head[0] = kind
  head.writeUInt32LE(word, 1)
  head[5] = last
  return Buffer.concat([head, body])
}
