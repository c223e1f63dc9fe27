/** A client of server-sent events by hand: what comes on the wire, event by event, comments included. */

import assert from 'node:assert/strict'
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import type { MessageJson } from '../../../src/wire/http-api.ts'

export interface ServerEvent {
  /** Empty where there is none, as of an event that only tells the id. */
  readonly type: string
  readonly id: string | undefined
  readonly data: string
  /** The line is a comment. */
  readonly comment?: string
  readonly retry?: string
}

export class EventReader {
  readonly request: ClientRequest
  readonly response: IncomingMessage
  /** As a browser keeps it. */
  lastEventId = ''
  #text = ''
  #isOver = false
  readonly #events: ServerEvent[] = []
  #wake: (() => void) | undefined

  /** Resolves with the answer's head, whatever its status. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const request = get(url, { headers, agent: false })
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve).on('error', reject)
    })
    return new EventReader(request, response)
  }

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.request = request
    this.response = response
    const over = () => {
      this.#isOver = true
      this.#wake?.()
    }
    request.on('error', over)
    response.on('error', over).on('close', over)
    response.setEncoding('utf8').on('data', (chunk: string) => this.#take(chunk))
  }

  /** The next of any kind; undefined when the stream is over. */
  async next(): Promise<ServerEvent | undefined> {
    while (this.#events.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#events.shift()
  }

  /** The next message, and the event it came in. @throws when the stream ends before */
  async message(): Promise<{ readonly event: ServerEvent; readonly message: MessageJson }> {
    for (;;) {
      const event = await this.next()
      assert.ok(event !== undefined, 'the stream is over')
      assert.notEqual(event.type, 'end', event.data)
      if (event.type === 'message') return { event, message: JSON.parse(event.data) as MessageJson }
    }
  }

  /** So many payloads in a row. */
  async texts(count: number): Promise<(string | undefined)[]> {
    const texts = []
    while (texts.length < count) texts.push((await this.message()).message.text)
    return texts
  }

  close(): void {
    this.request.destroy()
  }

  #take(chunk: string): void {
    this.#text += chunk
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end === -1) break
      this.#events.push(this.#parse(this.#text.slice(0, end)))
      this.#text = this.#text.slice(end + 2)
    }
    this.#wake?.()
  }

  #parse(block: string): ServerEvent {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''))
    }
    const id = fields.get('id')
    if (id !== undefined) this.lastEventId = id
    const comment = fields.get('')
    const retry = fields.get('retry')
    return {
      type: fields.get('event') ?? '',
      id,
      data: fields.get('data') ?? '',
      ...(comment !== undefined && { comment }),
      ...(retry !== undefined && { retry }),
    }
  }
}
