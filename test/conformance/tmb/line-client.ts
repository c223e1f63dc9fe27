/**
 * One TMB connection by hand: bytes out, bytes in, nothing understood. Bytes are written as text, each character
 * one byte. That nothing came is not waited for: what is asked next is answered next.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { Chunking } from '../busrt/chunking.ts'

/** Where bytes go and come from. */
interface Line {
  write(bytes: Buffer): Promise<void>
  pause(): void
  resume(): void
  /** Sends nothing more. */
  halfClose(): void
  destroy(): void
}

const uncut = new Chunking('nowhere')
let fences = 0

export class LineClient {
  readonly #line: Line
  #chunks: Buffer[] = []
  #unread = 0
  #isEnded = false
  #wake: () => void = () => undefined

  static async tcp(address: NetConnectOpts, chunking = uncut): Promise<LineClient> {
    const socket = connect({ ...address, allowHalfOpen: true } as NetConnectOpts)
    socket.setNoDelay(true)
    await once(socket, 'connect')
    return LineClient.on(socket, chunking)
  }

  static on(socket: Socket, chunking = uncut): LineClient {
    const client = new LineClient({
      write: (bytes) => chunking.write(socket, bytes),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      halfClose: () => void socket.end(),
      destroy: () => void socket.destroy(),
    })
    const end = () => client.#end()
    socket.on('data', (chunk) => client.#take(chunk))
    socket.on('error', end).on('end', end).on('close', end)
    return client
  }

  /** Each write is one message. */
  static async webSocket(url: string, kind: 'text' | 'binary' = 'binary'): Promise<LineClient> {
    const socket = new WebSocket(url, ['tmb.v1'])
    const client = new LineClient({
      write: (bytes) =>
        new Promise((resolve) => {
          if (socket.readyState !== WebSocket.OPEN) resolve()
          else
            socket.send(
              kind === 'text' ? bytes.toString() : bytes,
              { binary: kind !== 'text' },
              () => resolve(),
            )
        }),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      halfClose: () => socket.close(),
      destroy: () => socket.terminate(),
    })
    socket.on('message', (data, isBinary) => {
      client.kinds.add(isBinary ? 'binary' : 'text')
      client.#take(data as Buffer)
    })
    socket.on('error', () => client.#end()).on('close', () => client.#end())
    await once(socket, 'open')
    return client
  }

  /** Kinds of WebSocket messages that came. */
  readonly kinds = new Set<'text' | 'binary'>()

  private constructor(line: Line) {
    this.#line = line
  }

  send(text: string): Promise<void> {
    return this.#line.write(Buffer.from(text, 'latin1'))
  }

  /** Exactly these bytes come next. */
  async gets(text: string): Promise<void> {
    const seen = await this.take(text.length)
    if (seen !== text) assert.equal(shown(seen), shown(text))
  }

  /** So many bytes; fewer when the connection ends before. */
  async take(count: number): Promise<string> {
    while (this.#unread < count && !this.#isEnded) await this.#news()
    return this.#remove(count)
  }

  /** One line, without its end. */
  async line(): Promise<string> {
    for (let seen = 0; ;) {
      const all = this.#all()
      const feed = all.indexOf(0x0a, seen)
      if (feed !== -1) return this.#remove(feed + 1).slice(0, -1)
      if (this.#isEnded)
        throw new Error(`the connection ended after ${shown(all.toString('latin1'))}`)
      seen = all.length
      await this.#news()
    }
  }

  /** The next line begins so. */
  async matches(pattern: RegExp): Promise<void> {
    assert.match(await this.line(), pattern)
  }

  async subscribe(command = 's 1 r .'): Promise<void> {
    await this.send(`${command}\n`)
    await this.matches(/^ok subscribe/)
  }

  /** Everything sent so far was handled, and nothing but what was taken came. */
  async isQuiet(): Promise<void> {
    const word = `fence-${(fences += 1)}`
    await this.send(`p ${word}\n`)
    await this.gets(`ok ping ${word}\n`)
  }

  /** Waits until what it sent was handled; whatever comes meanwhile is dropped. */
  async handled(): Promise<void> {
    const word = `fence-${(fences += 1)}`
    await this.send(`p ${word}\n`)
    for (;;) if ((await this.line()) === `ok ping ${word}`) return
  }

  /** The other side closes, and nothing comes before. */
  async isClosed(): Promise<void> {
    while (!this.#isEnded) await this.#news()
    assert.equal(shown(this.#all().toString('latin1')), '', 'what came before the end')
  }

  pause(): void {
    this.#line.pause()
  }

  resume(): void {
    this.#line.resume()
  }

  halfClose(): void {
    this.#line.halfClose()
  }

  destroy(): void {
    this.#line.destroy()
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#unread += chunk.length
    this.#wake()
  }

  #end(): void {
    this.#isEnded = true
    this.#wake()
  }

  #all(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  #remove(count: number): string {
    const all = this.#all()
    this.#chunks = count < all.length ? [all.subarray(count)] : []
    this.#unread = Math.max(0, all.length - count)
    return all.toString('latin1', 0, count)
  }

  async #news(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}

/** Nothing that these sent is on its way to it. */
export async function isQuietAfter(client: LineClient, ...senders: readonly LineClient[]) {
  for (const sender of senders) await sender.isQuiet()
  await client.isQuiet()
}

/** Long texts by their ends only, so that a difference can be read; other than ASCII as `\xNN`. */
function shown(text: string): string {
  const short =
    text.length <= 400 ? text : `${text.slice(0, 200)}…${text.slice(-100)} (${text.length})`
  return short.replaceAll(/[^\x20-\x7e…\n]/g, (byte) => {
    return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
