/** A client of TMB that knows nothing but lines over a socket, as telnet does. */

import { createConnection, type Socket } from 'node:net'
import { once } from 'node:events'
import { cleanUp, type Scope } from './clean-up.ts'
import { LineSplitter } from './line-splitter.ts'

export class LineClient {
  readonly #socket: Socket
  readonly #lines: Buffer[] = []
  #isOver = false
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    const splitter = new LineSplitter((line) => {
      this.#lines.push(line)
      this.#wake()
    })
    socket.on('data', (chunk) => splitter.push(chunk))
    // How it ended makes no difference to who waits for a line.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isOver = true
      this.#wake()
    })
  }

  /** Closed after the test. @param address `host:port` */
  static async connect(t: Scope, address: string): Promise<LineClient> {
    const { hostname, port } = new URL(`tcp://${address}`)
    const socket = createConnection({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) })
    cleanUp(t, () => socket.destroy())
    await once(socket, 'connect')
    return new LineClient(socket)
  }

  /** Without the line end. */
  send(line: string | Uint8Array): void {
    this.#socket.write(Buffer.concat([Buffer.from(line), Buffer.from('\n')]))
  }

  /** The next line without its end; undefined when the server has closed the connection. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined || this.#isOver) return line
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Sends a command and answers its reply with the lines that belong to it, as text. */
  async ask(command: string): Promise<string[]> {
    this.send(command)
    const reply = String(await this.next())
    const count = /^ok (?:last|categories|mine|help|watch \S+ \S+) (\d+)$/.exec(reply)?.[1] ?? 0
    const lines = [reply]
    for (let i = 0; i < Number(count); i++) lines.push(String(await this.next()))
    return lines
  }

  close(): void {
    this.#socket.destroy()
  }
}
