/**
 * A named pipe that takes commands, one per line, for shell scripts without a client (spec/busrt 9.2). They are
 * sent by `.broker` and not acknowledged. Whoever writes faster than receivers read waits in the pipe, as
 * any other sender does. Bytes in the pipe come from anybody: they can spoil a line and nothing else.
 *
 * When the last writer leaves, the line it did not end is taken as ended, and the pipe is opened anew: only so
 * can the next writer be waited for without asking again and again.
 */

import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, ProtocolError } from '../../model/errors.ts'
import { AdapterStartError } from '../adapter.ts'
import type { BrokerClient } from './broker-client.ts'
import { type FifoCommand, parseFifoCommand } from './fifo-command.ts'
import { FifoLines } from './fifo-lines.ts'
import { openPipe, type Pipe, removePipe } from './fifo-pipe.ts'

export interface FifoOptions {
  readonly path: string
  readonly broker: BrokerClient
  readonly clock: Clock
  readonly logger: Logger
}

/** Bytes of a line. */
const longestLine = 65_536
const reopenAfterMs = 1_000
// A script gone wrong, or somebody who means it, must not fill the disk with our log.
const reportsPerWindow = 10
const reportWindowMs = 1_000
/** Characters of a name in the log. */
const shownName = 100

/** Makes the pipe, or takes one that is there, and reads it. @throws AdapterStartError */
export async function openFifo(options: FifoOptions): Promise<Fifo> {
  try {
    const fifo = new Fifo(options, await openPipe(options.path))
    options.logger.info('busrt_fifo_opened', { path: options.path })
    return fifo
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const text = `protocols.busrt.fifos: cannot take commands from ${options.path}: ${why}`
    throw new AdapterStartError(text, { cause: error })
  }
}

export class Fifo {
  readonly #options: FifoOptions
  readonly #lines = new FifoLines(longestLine)
  readonly #stopListening: () => void
  #pipe: Pipe
  #socket: Socket
  /** The last writer has left, and what it wrote is not used up yet. */
  #hasEnded = false
  #isBusy = false
  #isClosed = false
  #reopening: Promise<void> | undefined
  #retry: Timer | undefined
  #windowEndsAt = -Infinity
  #reports = 0
  #suppressed = 0

  /** Owns the pipe. */
  constructor(options: FifoOptions, pipe: Pipe) {
    this.#options = options
    this.#pipe = pipe
    this.#socket = this.#read(pipe)
    this.#stopListening = options.broker.onPauseChanged(() => this.#goOn())
  }

  /** Takes no further command and removes the pipe. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopListening()
    this.#retry?.cancel()
    await this.#reopening
    const { path, logger } = this.#options
    try {
      removePipe(path, this.#pipe)
    } catch (error) {
      logger.warn('busrt_fifo_left_behind', { path, reason: messageOf(error) })
    }
    this.#socket.destroy()
    if (!this.#socket.closed) await once(this.#socket, 'close')
  }

  #read(pipe: Pipe): Socket {
    const socket = new Socket({ fd: pipe.fd, readable: true, writable: false })
    socket.on('data', (chunk) => {
      this.#lines.push(chunk)
      this.#goOn()
    })
    socket.on('end', () => {
      this.#hasEnded = true
      // Before the stream closes its descriptor, so that there is a reader all the time.
      this.#reopen()
      this.#goOn()
    })
    socket.on('error', (error) => {
      this.#report(messageOf(error))
      this.#reopen()
    })
    return socket
  }

  #reopen(): void {
    if (this.#isClosed) return
    this.#retry = undefined
    this.#reopening = openPipe(this.#options.path).then(
      (pipe) => {
        this.#pipe = pipe
        this.#socket = this.#read(pipe)
        this.#goOn()
      },
      (error: unknown) => {
        this.#report(messageOf(error))
        if (this.#isClosed) return
        this.#retry = this.#options.clock.after(reopenAfterMs, () => this.#reopen())
      },
    )
  }

  /** Handles what has come, as far as receivers have room, and reads on when all of it could be. */
  #goOn(): void {
    if (this.#isBusy || this.#isClosed) return
    const { broker } = this.#options
    this.#isBusy = true
    while (!broker.isPaused) {
      const line = this.#lines.next()
      if (line === undefined) break
      if (line === 'overlong') this.#report(`a line is longer than ${longestLine} bytes`)
      else this.#handle(line)
    }
    if (!broker.isPaused && this.#hasEnded) {
      this.#hasEnded = false
      const line = this.#lines.end()
      if (line !== undefined) this.#handle(line)
    }
    this.#isBusy = false
    if (broker.isPaused) this.#socket.pause()
    else this.#socket.resume()
  }

  #handle(line: Uint8Array): void {
    try {
      const command = parseFifoCommand(line)
      if (command === undefined) return
      const refusal = this.#send(command)
      if (refusal !== undefined) this.#report(refusal, command.target)
    } catch (error) {
      if (!(error instanceof ProtocolError) && !(error instanceof BusError)) throw error
      this.#report(error.message)
    }
  }

  /** @returns why it was not sent */
  #send({ kind, target, payload }: FifoCommand): string | undefined {
    const { live } = this.#options.broker
    const name = Buffer.from(target)
    const bytes = Buffer.concat([name, payload])
    const start = name.length
    const end = bytes.length
    switch (kind) {
      case 'publication': {
        const outcome = live.publish(bytes, 0, start, start, end, false)
        if (outcome !== 'published') return outcome
        break
      }
      case 'broadcast':
        live.broadcast(target, bytes, start, end, false)
        break
      case 'message': {
        const peer = live.find(bytes, 0, start)
        if (peer === undefined) return 'nobody has this name'
        // Its methods only answer, and nobody would hear that.
        if (peer.name === live.name) return 'the broker takes no commands for itself'
        const outcome = live.sendTo(peer, bytes, start, end, false)
        if (outcome !== 'sent') return outcome
        if (peer.isCongested) live.waitFor(peer)
      }
    }
    live.sentFrames += 1
    live.sentBytes += payload.length
    return undefined
  }

  #report(reason: string, target?: string): void {
    const { clock, logger, path } = this.#options
    const now = clock.monotonic()
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + reportWindowMs
      this.#reports = 0
    }
    if (this.#reports >= reportsPerWindow) {
      this.#suppressed += 1
      return
    }
    this.#reports += 1
    logger.warn('busrt_fifo_error', {
      path,
      reason,
      ...(target === undefined ? {} : { target: target.slice(0, shownName) }),
      ...(this.#suppressed === 0 ? {} : { suppressed: this.#suppressed }),
    })
    this.#suppressed = 0
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
