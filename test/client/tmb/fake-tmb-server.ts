/**
 * A TMB server that does what a test says, byte by byte: in this process, on a Unix socket or a port of
 * loopback. It answers commands as the specification says and delivers nothing on its own, unless the
 * test decides otherwise.
 */

import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { join } from 'node:path'
import { cleanUp } from '../../e2e/clean-up.ts'
import type { Scope } from '../../e2e/clean-up.ts'
import { temporaryFolder } from '../../e2e/daemon-process.ts'

/** Text is written as Latin-1, so that every byte can be said. */
type Answer = string | undefined

export interface FakeServerOptions {
  /** Answer to a command line; undefined: the usual one; empty: none. */
  readonly answer?: (line: string, session: FakeSession) => Answer
  /** Listens on loopback instead of a Unix socket. */
  readonly tcp?: boolean
}

export class FakeServer {
  readonly #options: FakeServerOptions
  readonly #path: string | undefined
  #port = 0
  #server: Server | undefined
  readonly #sockets = new Set<Socket>()
  readonly #sessions: FakeSession[] = []
  readonly #takers: ((session: FakeSession) => void)[] = []

  private constructor(t: Scope, options: FakeServerOptions) {
    this.#options = options
    this.#path = options.tcp === true ? undefined : join(temporaryFolder(t), 'tmb.sock')
    cleanUp(t, () => this.stop())
  }

  static async start(t: Scope, options: FakeServerOptions = {}): Promise<FakeServer> {
    const server = new FakeServer(t, options)
    await server.start()
    return server
  }

  get port(): number {
    return this.#port
  }

  get address(): string {
    return this.#path === undefined ? `127.0.0.1:${this.#port}` : `unix:${this.#path}`
  }

  /** The same place as before, if it was started before. */
  async start(): Promise<void> {
    const server = net.createServer((socket) => this.#accept(socket))
    this.#server = server
    if (this.#path === undefined) server.listen(this.#port, '127.0.0.1')
    else server.listen(this.#path)
    await once(server, 'listening')
    if (this.#path === undefined) this.#port = (server.address() as AddressInfo).port
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

  /** The next client that connects, in order. */
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
    const session = new FakeSession(socket, this.#options)
    const taker = this.#takers.shift()
    if (taker === undefined) this.#sessions.push(session)
    else taker(session)
  }
}

export class FakeSession {
  readonly socket: Socket
  readonly #options: FakeServerOptions
  #text = ''
  /** What came, line by line, in Latin-1; without the first `ping`. */
  readonly lines: string[] = []
  #checks: (() => void)[] = []
  #isGreeted = false

  constructor(socket: Socket, options: FakeServerOptions) {
    this.socket = socket
    this.#options = options
    socket.setEncoding('latin1').on('data', (text: string) => this.#receive(text))
    socket.on('close', () => this.#check())
  }

  write(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Resolves when so many lines have come; with the last of them. */
  async line(count: number): Promise<string> {
    await this.until(() => this.lines.length >= count)
    return this.lines[count - 1] ?? ''
  }

  /** Resolves when it is so, looked at after each byte from the client. Rejects when the client is gone. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (isSo()) resolve()
        else if (this.socket.destroyed) reject(new Error('the client is gone'))
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

  #receive(text: string): void {
    this.#text += text
    const lines = this.#text.split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#isGreeted) this.lines.push(line)
      this.#isGreeted = true
      if (line.startsWith(':')) continue
      const answer = this.#options.answer?.(line, this) ?? usualAnswer(line)
      if (answer !== '') this.write(answer)
      if (line === 'quit') this.socket.end()
    }
    this.#check()
  }

  #check(): void {
    for (const check of this.#checks) check()
  }
}

function usualAnswer(line: string): string {
  const [word = '', ...words] = line.split(' ')
  switch (word) {
    case 'subscribe':
      return `ok subscribe ${words[0]} added\n`
    case 'watch':
      return `ok watch ${words[0]} added 0\n`
    case 'last':
    case 'forget':
    case 'categories':
      return `ok ${word} 0\n`
    case 'unsubscribe':
      return words[0] === '*' ? 'ok unsubscribe * 0\n' : `ok unsubscribe ${words[0]}\n`
    case 'auth':
      return 'ok auth somebody\n'
    default:
      return `ok ${[word, ...words].join(' ')}\n`
  }
}
