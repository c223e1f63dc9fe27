/**
 * One TMB client: its lines become calls of the bus, what the bus has for it becomes lines (spec/tmb 2, 5, 6). Knows no
 * socket, only where bytes come in and the outbox where they go out, so that TCP, TLS, Unix sockets and WebSockets are
 * served by the same code.
 *
 * Lines of one client are handled strictly in order. A client that sends faster than the bus takes it is held: lines
 * wait in the decoder, and nothing more is read. Whoever does not read its messages is dealt with here
 * (output-queue.ts) and makes nobody else wait.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Inbox, LiveOperations, Publication } from '../../core/live.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, type BusErrorCode, toBusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import type { Outbox } from '../../net/outbox.ts'
import type { Admission, Newcomer } from '../admission.ts'
import { colon } from '../../wire/tmb/category.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'
import { expandWord, type TmbCommand, type TmbError } from '../../wire/tmb/words.ts'
import { type LineHandler, LineDecoder } from './codec.ts'
import { CommandError, CommandLine, commandWords, shown } from './command-line.ts'
import { type CommandClient, defaultOptions, runCommand } from './commands.ts'
import { headersFor, type LineWriter } from './line-writer.ts'
import { OutputQueue, type QueueBudget, type SlowPolicy } from './output-queue.ts'
import { RegexpError, type Regexps } from './regexps.ts'
import { Subscriptions } from './subscriptions.ts'
import { byteStringOf, type CategoryTable, hasSpecialPrefix, toByteString } from './translate.ts'

/** What a session needs of the connection it serves. */
export interface SessionLink extends Newcomer {
  readonly transport: string
  /** Nobody on the way can read along. */
  readonly isSecure?: boolean | undefined
  readonly outbox: Outbox
  pause(): void
  resume(): void
  /** Writes what is in the outbox, then closes. */
  end(): void
}

/** What all sessions of an adapter have in common. */
export interface SessionShare {
  readonly bus: Bus
  readonly admission: Admission
  readonly logger: Logger
  readonly version: string
  readonly maxLineBytes: number
  readonly slow: SlowPolicy
  readonly regexps: Regexps
  readonly categories: CategoryTable
  readonly lines: LineWriter
  readonly budget: QueueBudget
  readonly clock: Clock
  /** Runs when everybody else had their turn. */
  readonly later: (task: () => void) => void
}

export interface SessionOptions {
  readonly share: SessionShare
  readonly link: SessionLink
  /** The session is over; the link was told to end, or is gone. */
  readonly onClosed: () => void
}

/** Reasons for keeping lines back, as bits. */
const paused = 1
const unread = 2
const resting = 4
const closed = 8
const starting = 16
const proving = 32

/** Commands about what was said last. */
const aboutLast: ReadonlySet<TmbCommand> = new Set(['last', 'watch', 'forget', 'categories'])

/** Commands of one client may take so long before the others have their turn. */
const turnMs = 5

/** What works before it is known who somebody is (spec 9). */
const openCommands: ReadonlySet<TmbCommand> = new Set(['auth', 'help', 'version', 'ping', 'quit'])

const authFailuresMost = 3
/** A wrong answer takes so long, so that guessing does (spec 9). */
const authFailedMs = 500
/** The first line of a request that a web page can make a browser send to any port (spec 9). */
const httpRequest = /^[A-Za-z]{1,32} +[!-~]+ +HTTP\/\d/i
/** How such a line begins when it is too long to be seen as a whole. */
const httpBeginning = /^[A-Za-z]{1,32} +[/*h]/i

export class TmbSession implements LineHandler, Inbox {
  readonly #share: SessionShare
  readonly #link: SessionLink
  readonly #onClosed: () => void
  readonly #decoder: LineDecoder
  readonly #output: OutputQueue
  /** Undefined until it is known who it is. */
  #client: BusClient | undefined
  #live: LiveOperations | undefined
  #subscriptions: Subscriptions | undefined
  #delay: Timer | undefined
  readonly #options = defaultOptions()
  readonly #commands: CommandClient
  #gate = 0
  #stopWaiting: () => void = () => undefined
  #isFirst = true
  #hasEnded = false
  /** Since the last line that was accepted. */
  #errors = 0
  #authFailures = 0
  /** By the clock; 0: no command was handled in this turn. */
  #turnEndsAt = 0
  /** Where a topic that is not written as its category stands in front of its payload. */
  #scratch = new Uint8Array(0)

  /** @throws BusError as `Bus.connect` */
  constructor({ share, link, onClosed }: SessionOptions) {
    this.#share = share
    this.#link = link
    this.#onClosed = onClosed
    this.#decoder = new LineDecoder(this, share.maxLineBytes)
    this.#output = new OutputQueue(link.outbox, share.slow, share.budget)
    const { bus, regexps, version, admission } = share
    const client = () => this.#known(this.#client)
    const subscriptions = () => this.#known(this.#subscriptions)
    this.#commands = {
      bus,
      get client() {
        return client()
      },
      get subscriptions() {
        return subscriptions()
      },
      regexps,
      output: this.#output,
      options: this.#options,
      version,
      accept: (text) => this.#accept(text),
      quit: () => this.#finish(undefined),
      authenticate: (prove) => this.#authenticate(prove),
    }
    if (admission.isOpen) this.#join(admission.nameless(link))
    else this.#identify()
  }

  /** It has shown who it is, or need not. */
  get isKnown(): boolean {
    return this.#client !== undefined
  }

  get isHeld(): boolean {
    return this.#gate !== 0
  }

  get queuedBytes(): number {
    return this.#output.queuedBytes
  }

  // From the connection

  /** Input, borrowed for the call. */
  receive(bytes: Uint8Array, length: number): void {
    if ((this.#gate & closed) !== 0) return
    this.#turnEndsAt = 0
    this.#decoder.push(bytes, 0, length)
  }

  /** The message that was just received is over, and with it its last line. */
  endMessage(): void {
    if ((this.#gate & closed) === 0) this.#decoder.endLine()
  }

  /** The client sent everything it will send: what it sent still counts, and it may go on listening. */
  inputEnded(): void {
    this.#hasEnded = true
    this.#endIfDone()
  }

  /** The connection is gone. */
  connectionClosed(): void {
    this.#close(undefined)
  }

  /** The outbox is above its high mark. */
  outboxFull(): void {
    this.#output.full()
  }

  /** The outbox is empty again. */
  outboxEmpty(): void {
    if ((this.#gate & closed) !== 0) return
    this.#output.empty()
    this.#openGate(unread)
  }

  // From the decoder

  line(bytes: Uint8Array, start: number, end: number): void {
    const live = this.#live
    if (live !== undefined) {
      live.receivedFrames += 1
      live.receivedBytes += end - start
    }
    if (start === end) return
    if (bytes[start] === colon) {
      this.#isFirst = false
      this.#message(bytes, start, end)
    } else this.#command(byteStringOf(bytes, start, end))
  }

  tooLong(bytes: Uint8Array, start: number, end: number): void {
    const isHttp = this.#isFirst && httpBeginning.test(byteStringOf(bytes, start, end).slice(0, 64))
    this.#isFirst = false
    if (isHttp) this.#refuseHttp()
    else {
      const { maxLineBytes } = this.#share
      const what = bytes[start] === colon ? 'message' : '-'
      this.#error('line-too-long', what, `the limit is ${maxLineBytes} bytes; the line was skipped`)
    }
  }

  // From the bus

  /** Nobody can address a client without a name. */
  message(): void {
    throw new Error('a TMB client has no name')
  }

  broadcast(): void {
    throw new Error('a TMB client has no name')
  }

  publication(publication: Publication): void {
    const options = this.#options
    const live = this.#live
    if ((this.#gate & closed) !== 0 || live === undefined) return
    if (publication.sender === live && options.echo === 'off') return
    if (!publication.isLocal && options.remote === 'none') return
    const line = this.#share.lines.lineOf(publication, options.binary === 'base64')
    if (line === undefined) return
    live.sentFrames += 1
    live.sentBytes += line.length
    if (!this.#output.offer(line, publication.topic)) this.#cut()
  }

  pause(): void {
    this.#shutGate(paused)
  }

  resume(): void {
    this.#openGate(paused)
  }

  end(error: BusError): void {
    if ((this.#gate & closed) !== 0) return
    if (error.reason === 'shutting_down') this.#output.reply('info shutting-down\n')
    this.#finish(error)
  }

  #message(bytes: Uint8Array, start: number, end: number): void {
    const live = this.#live
    if (live === undefined) {
      this.#error('not-authenticated', 'message', 'auth comes first')
      return
    }
    const first = start + 1
    let at = first
    let bits = 0
    let hasZero = false
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte <= 0x20) {
        if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) break
        if (byte === 0) hasZero = true
      }
      bits |= byte
    }
    const length = at - first
    if (length === 0 || length > tmbLimits.categoryBytes) {
      this.#refuseCategory(length)
      return
    }
    const { lines } = this.#share
    const separator = at < end ? (bytes[at] as number) : -1
    const payload = at < end ? at + 1 : end
    const headers = headersFor(separator)
    let outcome
    if (bits < 0x80 && !hasZero && !hasSpecialPrefix(bytes, first, at)) {
      lines.begin(bytes, start, end, bytes, payload)
      outcome = live.publish(bytes, first, at, payload, end, false, undefined, headers)
      lines.done()
    } else {
      const topic = this.#share.categories.topicOf(bytes, first, at)
      if (topic.length > this.#share.bus.limits.topicBytes) {
        this.#refuseCategory(topic.length)
        return
      }
      const scratch = this.#joined(topic, bytes, payload, end)
      const scratchEnd = topic.length + end - payload
      lines.begin(bytes, start, end, scratch, topic.length)
      outcome = live.publish(
        scratch,
        0,
        topic.length,
        topic.length,
        scratchEnd,
        false,
        undefined,
        headers,
      )
      lines.done()
    }
    if (outcome === 'published') this.#errors = 0
    else {
      const code = outcome === 'denied' ? 'not-permitted' : 'store-failed'
      this.#error(code, 'message', byteStringOf(bytes, first, at))
    }
  }

  /** Topic and payload side by side, as the bus wants them. */
  #joined(topic: Uint8Array, bytes: Uint8Array, start: number, end: number): Uint8Array {
    const length = topic.length + end - start
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length * 2)
    const scratch = this.#scratch
    scratch.set(topic)
    scratch.set(bytes.subarray(start, end), topic.length)
    return scratch
  }

  #refuseCategory(length: number): void {
    if (length === 0) this.#error('empty-category', 'message', 'a category follows the colon')
    else {
      const text = `the category has ${length} bytes, or its topic in the bus; the limit is ${tmbLimits.categoryBytes}`
      this.#error('category-too-long', 'message', text)
    }
  }

  #command(text: string): void {
    const line = new CommandLine(text)
    const word = line.word()
    if (word === '') return
    if (this.#isFirst && httpRequest.test(text)) {
      this.#refuseHttp()
      return
    }
    this.#isFirst = false
    const command = expandWord(commandWords, word)
    if (command === undefined) {
      this.#error('unknown-command', '-', `no command begins with ${shown(word)}`)
      return
    }
    if (this.#client === undefined && !openCommands.has(command)) {
      this.#error('not-authenticated', command, 'auth comes first')
      return
    }
    const { bus, clock } = this.#share
    if (bus.store === undefined && aboutLast.has(command)) {
      this.#waitForStart(text)
      return
    }
    if (this.#turnEndsAt === 0) this.#turnEndsAt = clock.monotonic() + turnMs
    try {
      runCommand(command, this.#commands, line)
      this.#errors = 0
    } catch (error) {
      this.#fail(command, error)
    }
    // Whoever does not read its answers asks for no more of them.
    if (this.#output.isOver) this.#shutGate(unread)
    if (clock.monotonic() > this.#turnEndsAt) this.#rest()
  }

  /** Until last values are back the command waits, and all lines behind it. */
  #waitForStart(text: string): void {
    this.#shutGate(starting)
    this.#stopWaiting = this.#share.bus.onOpen(() => {
      this.#turnEndsAt = 0
      this.#command(text)
      this.#openGate(starting)
    })
  }

  /** Lets the others have their turn. */
  #rest(): void {
    if ((this.#gate & (resting | closed)) !== 0) return
    this.#shutGate(resting)
    this.#share.later(() => {
      this.#turnEndsAt = 0
      this.#openGate(resting)
    })
  }

  #fail(command: TmbCommand, error: unknown): void {
    if (error instanceof CommandError) this.#error(error.code, command, error.message)
    else if (error instanceof RegexpError) {
      this.#error(error.code, command, toByteString(error.message))
    } else if (error instanceof BusError) {
      this.#error(errorOfCode[error.code], command, toByteString(error.message))
    } else throw error
    if (this.#authFailures >= authFailuresMost) this.#finish(undefined)
  }

  /** Who it is before it says anything; until that is known its lines wait. */
  #identify(): void {
    const { admission } = this.#share
    this.#prove(admission.byConnection(this.#link), (identity) => {
      if (identity !== undefined) this.#join(identity)
    })
  }

  /** Asks who it is by what `auth` says. */
  #authenticate(prove: (admission: Admission, newcomer: Newcomer) => Promise<Identity>): void {
    const { admission } = this.#share
    if (admission.isOpen) throw this.#wrong('this daemon has no users')
    if (this.#link.isSecure !== true) {
      throw new CommandError(
        'auth-insecure',
        'secrets are taken over TLS, or on the machine itself',
      )
    }
    this.#prove(prove(admission, this.#link), (identity) => {
      this.#join(identity)
      this.#authFailures = 0
      this.#accept(`auth ${toByteString(identity.user)}`)
    })
  }

  /** Lines wait until it is settled, a wrong answer for some time. */
  #prove<Result>(proof: Promise<Result>, found: (result: Result) => void): void {
    this.#shutGate(proving)
    const settle = (then: () => void) => {
      if ((this.#gate & closed) !== 0) return
      this.#turnEndsAt = 0
      then()
      this.#openGate(proving)
    }
    const failed = (error: unknown) => {
      const { reason, message } = toBusError(error)
      if (reason === 'internal') this.#share.logger.error('tmb_auth_failed', { err: error })
      const isWrong = reason === 'bad_credentials'
      this.#delay = this.#share.clock.after(isWrong ? authFailedMs : 0, () => {
        settle(() => {
          const isCounted = isWrong || reason === 'too_many_logins'
          this.#fail('auth', isCounted ? this.#wrong(message) : error)
        })
      })
    }
    proof.then((result) => {
      try {
        settle(() => found(result))
      } catch (error) {
        failed(error)
      }
    }, failed)
  }

  #wrong(text: string): CommandError {
    this.#authFailures += 1
    return new CommandError('auth-failed', toByteString(text))
  }

  /** Becomes a client of the bus, or another one with the same subscriptions. @throws BusError */
  #join(identity: Identity): void {
    const { bus, regexps } = this.#share
    const { transport, source, listener } = this.#link
    const before = this.#client
    const origin = { protocol: 'tmb', transport, source, listener }
    const client = bus.connect(identity, { inbox: this, ...origin })
    try {
      this.#subscriptions =
        this.#subscriptions?.moveTo(client.live) ?? new Subscriptions(client.live, regexps)
    } catch (error) {
      client.close()
      throw error
    }
    this.#client = client
    this.#live = client.live
    before?.close()
  }

  #known<Part>(part: Part | undefined): Part {
    if (part === undefined) throw new Error('a command ran before it was known who gave it')
    return part
  }

  #refuseHttp(): void {
    this.#error('http', '-', 'this port speaks TMB')
    this.#finish(undefined)
  }

  #accept(text: string): void {
    if (this.#options.replies === 'on') this.#output.reply(`ok ${text}\n`)
  }

  /** @param text each character a byte */
  #error(code: TmbError, command: TmbCommand | 'message' | '-', text: string): void {
    const line = `error ${code} ${command} ${text.replaceAll(/[\r\n]/g, ' ')}`
    this.#output.reply(`${line.slice(0, tmbLimits.replyBytes - 1)}\n`)
    if (this.#output.isOver) this.#shutGate(unread)
    this.#errors += 1
    if (this.#errors < tmbLimits.errorsInARow || (this.#gate & closed) !== 0) return
    this.#output.reply(`error too-many-errors - ${this.#errors} in a row\n`)
    this.#finish(undefined)
  }

  /** It did not read what it was sent. */
  #cut(): void {
    const text = `a TMB client left ${this.#output.queuedBytes} bytes unread`
    this.#share.logger.info('tmb_slow_reader', {
      source: this.#link.source,
      queuedBytes: this.#output.queuedBytes,
    })
    this.#output.reply('error slow-reader - too much was not read\n')
    this.#finish(new BusError('aborted', 'slow_client', text))
  }

  #shutGate(reason: number): void {
    if (this.#gate === 0) this.#link.pause()
    this.#gate |= reason
  }

  #openGate(reason: number): void {
    if ((this.#gate & reason) === 0) return
    this.#gate &= ~reason
    if (this.#gate !== 0) return
    this.#decoder.resume()
    if (this.#gate !== 0) return
    this.#link.resume()
    this.#endIfDone()
  }

  /** Whoever says nothing more and listens to nothing has no use for the connection. */
  #endIfDone(): void {
    if (!this.#hasEnded || this.#gate !== 0) return
    if ((this.#subscriptions?.size ?? 0) === 0) this.#finish(undefined)
  }

  /** Ends it from this side: what is in the outbox still goes out. */
  #finish(reason: BusError | undefined): void {
    if ((this.#gate & closed) !== 0) return
    this.#close(reason)
    this.#link.end()
  }

  #close(reason: BusError | undefined): void {
    if ((this.#gate & closed) !== 0) return
    this.#gate |= closed
    this.#stopWaiting()
    this.#output.close()
    this.#delay?.cancel()
    this.#client?.close(reason)
    this.#subscriptions?.dispose()
    this.#onClosed()
  }
}

/** What the bus refuses, in the words of TMB. */
const errorOfCode = {
  cancelled: 'store-failed',
  unknown: 'store-failed',
  invalid_argument: 'bad-pattern',
  deadline_exceeded: 'store-failed',
  not_found: 'store-failed',
  already_exists: 'store-failed',
  permission_denied: 'not-permitted',
  resource_exhausted: 'too-many-subscriptions',
  failed_precondition: 'store-failed',
  aborted: 'store-failed',
  out_of_range: 'store-failed',
  unimplemented: 'store-failed',
  internal: 'store-failed',
  unavailable: 'shutting-down',
  data_loss: 'store-failed',
  unauthenticated: 'not-authenticated',
} as const satisfies Record<BusErrorCode, TmbError>
