/**
 * The demo without its page: what it sends, and what it knows from what came back (spec/tmb.md 12.2). The page draws
 * what stands here and calls the methods; nothing here changes because a button was pressed.
 */

import type { TmbKind } from '../../src/wire/tmb/words.ts'
import { Conversation, type Incoming } from './conversation.ts'
import { Figures } from './figures.ts'
import { ReconnectingSocket, type SocketSurroundings } from './reconnecting-socket.ts'
import { SubscriptionBook } from './subscription-book.ts'
import { parseCommand, type SubscriptionSpec, withoutSecrets } from './tmb-command.ts'
import { type Line, linesOf, textOf } from './tmb-line.ts'
import { TrafficLog } from './traffic-log.ts'

export interface DemoSurroundings extends SocketSurroundings {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Whether the browser can draw in it. */
  isColour(text: string): boolean
  /** Something is different; draw when it suits. */
  changed(): void
}

export type ConnectionState =
  | { readonly state: 'connecting' }
  | { readonly state: 'connected'; readonly node: string }
  | { readonly state: 'lost'; readonly retryInSeconds: number }

/** Everything the figures are made of, and nothing else. */
const figureCategories: { readonly kind: TmbKind; readonly pattern: string } = {
  kind: 'regexp',
  pattern: '^/(upper|lower)/(shape|colour)$',
}

export class DemoSession {
  readonly traffic = new TrafficLog()
  readonly subscriptions = new SubscriptionBook()
  readonly figures: Figures
  /** Subscribe buttons ask for the remembered messages, too. */
  isWatching = false
  readonly #surroundings: DemoSurroundings
  readonly #socket: ReconnectingSocket
  #connection: ConnectionState = { state: 'connecting' }
  #conversation = new Conversation()
  #problem = ''

  constructor(surroundings: DemoSurroundings) {
    this.#surroundings = surroundings
    this.figures = new Figures((text) => surroundings.isColour(text))
    this.#socket = new ReconnectingSocket(surroundings, {
      connecting: () => this.#disconnected({ state: 'connecting' }),
      opened: () => this.#opened(),
      message: (data) => this.#received(linesOf(data)),
      lost: (retryInSeconds) => this.#disconnected({ state: 'lost', retryInSeconds }),
    })
  }

  get connection(): ConnectionState {
    return this.#connection
  }

  /** What the server said against commands about subscriptions, until another one is sent; empty: nothing. */
  get problem(): string {
    return this.#problem
  }

  /** Connects anew, whatever there is. */
  connect(): void {
    this.#socket.connect()
  }

  /** When it waits for the next attempt, does not wait longer. */
  hurry(): void {
    this.#socket.hurry()
  }

  subscribe(spec: SubscriptionSpec): void {
    this.send([subscribeLine(spec, this.isWatching)])
  }

  unsubscribe(id: string): void {
    // There is nothing to ask a server for, only to forget.
    if (this.subscriptions.lampOf(id) === 'lost') this.subscriptions.removed(id)
    else this.send([`unsubscribe ${id}`])
    this.#surroundings.changed()
  }

  /** Tells instances that were started later how the figures look here. */
  sendAll(): void {
    const lines = this.figures.lines()
    if (lines.length < 4) this.#note(`${4 - lines.length} of 4 are unknown here and cannot be sent`)
    if (lines.length > 0) this.send(lines)
  }

  getLastValues(): void {
    this.send([`last ${figureCategories.kind} ${figureCategories.pattern}`])
  }

  /** All of them in one WebSocket message, or none: then the log says so. */
  send(lines: readonly string[]): void {
    if (lines.some((line) => parseCommand(line)?.id)) this.#problem = ''
    const isSent = this.#socket.send(lines.map((line) => `${line}\n`).join(''))
    for (const line of lines) {
      if (isSent) this.#conversation.sending(line)
      const shown = withoutSecrets(line)
      if (isSent) this.#log('out', shown)
      else this.#note(`${this.#whyNot()}, not sent: ${shown}`)
    }
  }

  clearTraffic(): void {
    this.traffic.clear()
    this.#surroundings.changed()
  }

  #whyNot(): string {
    return this.#connection.state === 'connected' ? 'the bus does not keep up' : 'not connected'
  }

  #opened(): void {
    this.#conversation = new Conversation()
    // No greeting comes of itself; this one says which node it is, and that somebody is there.
    this.send(['version'])
  }

  #disconnected(connection: ConnectionState): void {
    this.subscriptions.connectionLost()
    this.#connection = connection
    this.#surroundings.changed()
  }

  #connected(node: string): void {
    this.#connection = { state: 'connected', node }
    this.#socket.settled()
    this.#restore()
  }

  #restore(): void {
    const specs = this.subscriptions.toRestore()
    if (specs.length > 0) this.send(specs.map((spec) => subscribeLine(spec, this.isWatching)))
  }

  #received(lines: readonly Line[]): void {
    for (const line of lines) {
      this.#log('in', line)
      this.#understand(this.#conversation.received(line), line)
    }
    this.#surroundings.changed()
  }

  #understand(incoming: Incoming, line: Line): void {
    switch (incoming.type) {
      case 'message': {
        const { message, answerTo } = incoming
        if (answerTo === undefined) this.subscriptions.delivered(message.category)
        else this.subscriptions.answered(answerTo.id)
        if (this.figures.apply(message) === 'not-understood')
          this.#note(`not understood: ${textOf(line)}`)
        return
      }
      case 'ok':
        return this.#done(incoming)
      case 'error':
        return this.#refused(incoming, textOf(line))
      case 'other':
        return
    }
  }

  #done({ command, fields }: Extract<Incoming, { type: 'ok' }>): void {
    const { word, id, subscription } = command
    if (subscription !== undefined) this.subscriptions.confirmed(subscription)
    if (word === 'unsubscribe') this.subscriptions.removed(id)
    // tmb/1, product, node id
    if (word === 'version') this.#connected(fields.slice(2).join(' '))
    if (word === 'auth') this.#restore()
  }

  #refused({ command, code }: Extract<Incoming, { type: 'error' }>, text: string): void {
    // Somebody answers, if only this.
    if (command?.word === 'version') this.#connected('a bus without a name')
    if (command?.id === undefined || command.id === '') return
    this.#problem = text
    const { lamp } = this.subscriptions.get(command.id) ?? {}
    // What it refuses to take back is gone; only who must say first who he is can ask again.
    if (lamp === 'lost' && code !== 'not-authenticated') this.subscriptions.removed(command.id)
  }

  #note(text: string): void {
    this.#log('note', text)
    this.#surroundings.changed()
  }

  #log(direction: 'in' | 'out' | 'note', line: Line): void {
    this.traffic.add({ atMs: this.#surroundings.nowMs(), direction, line })
    this.#surroundings.changed()
  }
}

function subscribeLine({ id, kind, pattern }: SubscriptionSpec, isWatching: boolean): string {
  return `${isWatching ? 'watch' : 'subscribe'} ${id} ${kind} ${pattern}`
}
