/**
 * One connection to a server once it has been found: commands go out, replies find the command they
 * belong to by their order (spec/tmb 6), messages go to the owner. It never mends itself; that is the
 * client's part.
 */

import { BusError, ProtocolError } from '../../model/errors.ts'
import { colon } from '../../wire/tmb/category.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'
import type { TmbCommand } from '../../wire/tmb/words.ts'
import { onAbort } from '../abort-listeners.ts'
import { commandLine } from './checked-line.ts'
import { abortedError, findServer } from './find-server.ts'
import type { FindServerOptions } from './find-server.ts'
import type { LineLink } from './line-link.ts'
import { TmbMessage } from './received-message.ts'
import { lastNumber, parseReply } from './reply.ts'
import type { Reply } from './reply.ts'
import { TmbError } from './tmb-error.ts'

/** Accepted by every command. */
export interface CommandOptions {
  /** Milliseconds until it fails with `deadline_exceeded`; default: that of the client. */
  readonly timeoutMs?: number | undefined
  /** Ends waiting with `cancelled`. The command may have been carried out all the same. */
  readonly signal?: AbortSignal | undefined
}

export interface ConnectionOptions extends FindServerOptions {
  /** So long without a byte of the server until it is asked; milliseconds. */
  readonly pingMs: number
  /** The lines that belong to one reply, together. */
  readonly maxReplyBytes: number
}

export interface ConnectionOwner {
  onMessage(message: TmbMessage): void
  /** Everything that came with one read has been handed over. */
  onRead(connection: Connection): void
  /** A command has begun, which might wait behind messages. */
  onCommand(connection: Connection): void
  /** The server has refused a message of this client, or says something that is no answer. */
  onRefused(error: TmbError): void
  onInfo(code: string, text: string): void
  /** Called once, last; not for a connection that never stood. */
  onClosed(connection: Connection, error: BusError): void
}

/** The answer to one command. */
export interface CommandReply {
  /** What follows the command word in the `ok` line. */
  readonly rest: Uint8Array
  /** The lines that followed; whole peer messages, or what follows the command word in `item` lines. */
  readonly lines: readonly Uint8Array[]
}

interface Command {
  readonly word: TmbCommand
  readonly lineBytes: number
  /** Nobody waits for it any more; its reply may still come. */
  isDone: boolean
  settle(reply: CommandReply): void
  fail(error: BusError): void
}

/** Lines that follow an `ok`. */
interface Following {
  readonly command: Command
  readonly rest: Uint8Array
  readonly lines: Uint8Array[]
  bytes: number
  left: number
}

/** Their `ok` line ends with the number of lines that follow. */
const counted: ReadonlySet<string> = new Set<TmbCommand>([
  'last',
  'watch',
  'categories',
  'mine',
  'help',
])
/** After these the server closes the connection, and the code is the reason. */
const farewells: ReadonlySet<string> = new Set([
  'too-many-errors',
  'too-many-clients',
  'slow-reader',
  'http',
  'shutting-down',
])

export class Connection {
  readonly #options: ConnectionOptions
  readonly #owner: ConnectionOwner
  readonly #link: LineLink
  /** In the order in which they were sent, from `#firstCommand` on. */
  #commands: Command[] = []
  #firstCommand = 0
  #waiting = 0
  #following: Following | undefined
  /** What the server said before it closes. */
  #farewell: BusError | undefined
  #isPaused = false
  #isEnding = false
  #heardSomething = true
  #timer: { cancel(): void } | undefined
  readonly #onClosed: (() => void)[] = []

  private constructor(options: ConnectionOptions, owner: ConnectionOwner, link: LineLink) {
    this.#options = options
    this.#owner = owner
    this.#link = link
    link.owner = {
      onLine: (bytes, start, end) => this.#onLine(bytes, start, end),
      onRead: () => owner.onRead(this),
      onClosed: (error) => this.#close(error),
    }
    this.#askLater()
  }

  /** Finds the server and connects. @throws BusError that says what to do */
  static async open(
    options: ConnectionOptions,
    owner: ConnectionOwner,
    signal: AbortSignal,
  ): Promise<Connection> {
    const link = await findServer(options, signal)
    const connection = new Connection(options, owner, link)
    // It may have broken between the answer and now.
    if (link.isClosed && link.error !== undefined) throw link.error
    return connection
  }

  /** `host:port` or `unix:/path` where the server was found. */
  get address(): string {
    return this.#link.address
  }

  get isLive(): boolean {
    return !this.#link.isClosed && this.#link.error === undefined && !this.#isEnding
  }

  /** Why it ended; undefined while it has not. */
  get error(): BusError | undefined {
    return this.#link.error
  }

  /** A sender need not wait. */
  get hasRoom(): boolean {
    return this.#link.hasRoom
  }

  /** Commands whose answer somebody waits for. */
  get waiting(): number {
    return this.#waiting
  }

  /** Sends a peer message. Resolves when there is room for more. @throws BusError */
  publish(line: Uint8Array): Promise<void> {
    this.#link.send(line)
    return this.#link.room()
  }

  /**
   * Sends a command and resolves with its answer.
   * @param words checked, as bytes or text
   * @throws TmbError when the server refuses, BusError otherwise
   */
  command(
    word: TmbCommand,
    words: readonly (string | Uint8Array)[],
    options: CommandOptions = {},
  ): Promise<CommandReply> {
    const { timeoutMs = this.#options.timeoutMs, signal } = options
    if (!this.isLive) return Promise.reject(this.error ?? closedError())
    if (signal?.aborted === true) return Promise.reject(abortedError(signal))
    const line = commandLine(word, ...words)
    try {
      this.#link.send(line)
    } catch (error) {
      return Promise.reject(error)
    }
    const answer = this.#answer(word, line.length, timeoutMs, signal)
    this.#owner.onCommand(this)
    return answer
  }

  #answer(
    word: TmbCommand,
    lineBytes: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<CommandReply> {
    return new Promise((resolve, reject) => {
      // Once: a reply that comes after its command was given up finds nobody.
      const finish = () => {
        if (command.isDone) return false
        command.isDone = true
        this.#waiting -= 1
        timer.cancel()
        unlisten()
        return true
      }
      const command: Command = {
        word,
        lineBytes,
        isDone: false,
        settle: (reply) => {
          if (finish()) resolve(reply)
        },
        fail: (error) => {
          if (finish()) reject(error)
        },
      }
      this.#commands.push(command)
      this.#waiting += 1
      const { timing } = this.#options
      const timer = timing.after(timeoutMs, () => command.fail(this.#late(word, timeoutMs)))
      const unlisten = onAbort(signal, () => command.fail(abortedError(signal)))
    })
  }

  /** Whether bytes are taken from the socket. While they are not, not even answers come. */
  setReading(isReading: boolean): void {
    this.#isPaused = !isReading
    this.#link.setReading(isReading)
  }

  /**
   * Ends it in order: the server reads everything that was sent, says so, and closes. Resolves when it
   * has; at the latest after the time-out.
   */
  async close(): Promise<void> {
    if (this.#link.isClosed) return
    const gone = new Promise<void>((resolve) => this.#onClosed.push(resolve))
    this.setReading(true)
    if (this.isLive) {
      this.command('quit', []).catch(nothing)
      this.#isEnding = true
    }
    const { timing, timeoutMs } = this.#options
    const limit = timing.after(timeoutMs, () => this.destroy())
    await gone
    limit.cancel()
  }

  /** Ends it at once. The first error is the one that is told. */
  destroy(error: BusError = closedError()): void {
    this.#link.destroy(error)
  }

  #onLine(bytes: Buffer, start: number, end: number): void {
    this.#heardSomething = true
    const following = this.#following
    if (following !== undefined) return this.#onFollowing(following, copyOf(bytes, start, end))
    if (bytes[start] === colon)
      return this.#owner.onMessage(new TmbMessage(copyOf(bytes, start, end)))
    this.#onReply(parseReply(bytes.subarray(start, end)))
  }

  #onReply(reply: Reply): void {
    switch (reply.kind) {
      case 'info':
        if (farewells.has(reply.code)) this.#farewell = new TmbError(reply.code, '-', reply.text)
        return this.#owner.onInfo(reply.code, reply.text)
      case 'error':
        return this.#onError(new TmbError(reply.code, reply.command, reply.text))
      case 'item':
        throw new ProtocolError('an item line belongs to no reply')
      case 'ok': {
        const rest = Uint8Array.from(reply.rest)
        const left = counted.has(reply.command) ? lastNumber(rest) : 0
        const command = this.#next(reply.command)
        // The lines of a snapshot are messages like any other, in their place among them.
        if (reply.command === 'watch' || left === 0) command.settle({ rest, lines: [] })
        if (left > 0) this.#following = { command, rest, lines: [], bytes: 0, left }
      }
    }
  }

  #onError(error: TmbError): void {
    const first = this.#commands[this.#firstCommand]
    if (farewells.has(error.tmbCode)) this.#farewell = error
    else if (first !== undefined && isAbout(error, first)) return this.#next(first.word).fail(error)
    else this.#owner.onRefused(error)
  }

  #onFollowing(following: Following, line: Uint8Array): void {
    const { command, rest, lines } = following
    if (command.word === 'watch') {
      if (line[0] !== colon) throw new ProtocolError('a message of a snapshot was expected')
      this.#owner.onMessage(new TmbMessage(line, true))
    } else {
      following.bytes += line.length
      if (following.bytes > this.#options.maxReplyBytes) {
        const text = `the answer to ${command.word} is larger than ${this.#options.maxReplyBytes} bytes (maxReplyBytes): ask for fewer categories`
        return this.destroy(new BusError('resource_exhausted', 'quota_exceeded', text))
      }
      lines.push(followingOf(command.word, line))
    }
    following.left -= 1
    if (following.left > 0) return
    this.#following = undefined
    command.settle({ rest, lines })
  }

  /** The command that an answer belongs to. @throws ProtocolError when nobody has asked */
  #next(word: string): Command {
    const command = this.#commands[this.#firstCommand]
    if (command === undefined || command.word !== word) {
      throw new ProtocolError(`an answer to ${word} came that nobody waits for`)
    }
    this.#firstCommand += 1
    if (this.#firstCommand === this.#commands.length) {
      this.#commands = []
      this.#firstCommand = 0
    }
    return command
  }

  /** A peer that vanished without a word is found out by asking. */
  #askLater(): void {
    const { pingMs, timing } = this.#options
    this.#timer = timing.after(pingMs, () => {
      this.#askLater()
      const wasSilent = !this.#heardSomething
      this.#heardSomething = false
      // While this side does not read, the silence is ours.
      if (!wasSilent || this.#isPaused || this.#isEnding || this.#waiting > 0) return
      this.command('ping', []).catch((error: BusError) => {
        if (error.reason !== 'timed_out' || this.#isPaused) return
        const text = `${this.address} has given no sign of life for some time`
        this.destroy(new BusError('unavailable', 'connection_lost', text))
      })
    })
  }

  #late(word: string, timeoutMs: number): BusError {
    const why = this.#isPaused
      ? 'too many messages wait to be taken, so this client does not read'
      : 'it may have been carried out'
    const text = `no answer to ${word} within ${timeoutMs} ms; ${why}`
    return new BusError('deadline_exceeded', 'timed_out', text)
  }

  #close(linkError: BusError): void {
    this.#timer?.cancel()
    const error = linkError.reason === 'connection_lost' ? (this.#farewell ?? linkError) : linkError
    const commands = this.#commands.slice(this.#firstCommand)
    this.#commands = []
    this.#firstCommand = 0
    this.#following?.command.fail(error)
    for (const command of commands) command.fail(error)
    for (const resolve of this.#onClosed) resolve()
    this.#owner.onClosed(this, error)
  }
}

/** Whether an error answers this command, and not a message sent before or after it. */
function isAbout(error: TmbError, command: Command): boolean {
  if (error.command === command.word) return true
  if (error.command !== '-') return false
  // A server that cannot tell what a line was has not read its command word; a line within every limit
  // can only have a word that this server does not know.
  return error.tmbCode === 'line-too-long'
    ? command.lineBytes > tmbLimits.leastLineBytes
    : error.tmbCode === 'unknown-command'
}

/** A line of an answer: for `last` a whole message, else what follows the command word. */
function followingOf(word: TmbCommand, line: Uint8Array): Uint8Array {
  if (word === 'last') {
    if (line[0] === colon) return line
    throw new ProtocolError('a last message was expected')
  }
  const reply = parseReply(line)
  if (reply.kind !== 'item' || reply.command !== word) {
    throw new ProtocolError(`an item of ${word} was expected`)
  }
  return reply.rest
}

/** Bytes of its own, from the pool of Node.js where they are few. */
function copyOf(bytes: Buffer, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start)
  bytes.copy(copy, 0, start, end)
  return copy
}

function closedError(): BusError {
  return new BusError('cancelled', 'cancelled', 'the client is closed')
}

function nothing(): void {}
