/**
 * `msgbus tmb` without a sub-command: lines to the server as they are typed, lines of the server as they
 * come. On a terminal with editing, history and completion; otherwise a plain pipe, which sends what it
 * reads and, after the end of its input, ends when the server does (spec/tmb 8.2).
 */

import type { Command } from 'commander'
import { systemTiming } from '../../client/timing.ts'
import { abortedError, findServer } from '../../client/tmb/find-server.ts'
import type { LineLink } from '../../client/tmb/line-link.ts'
import { parseTmbAddress } from '../../client/tmb/tmb-address.ts'
import { BusError } from '../../model/errors.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { readTls } from '../session.ts'
import type { Terminal } from '../terminal.ts'
import { ShellCompletion } from './shell-completion.ts'
import { ShellHistory, historyFile, historySize } from './shell-history.ts'
import { formatLine, lineToJson } from './shown-line.ts'
import { findTmb } from './tmb-address.ts'
import type { TmbCommandOptions } from './tmb-session.ts'

const lineFeed = 0x0a
const maxLineBytes = 16_777_216
const maxPendingBytes = 67_108_864

/** @throws CommandFailure when the server leaves without having been asked to */
export async function runShell(command: Command, terminal: Terminal): Promise<void> {
  const options = command.optsWithGlobals<TmbCommandOptions>()
  const link = await findServer(
    {
      address: parseTmbAddress({ address: await findTmb(command, terminal) }),
      tlsOptions: await readTls(options),
      timeoutMs: options.timeout,
      maxLineBytes,
      maxPendingBytes,
      timing: systemTiming,
    },
    terminal.signal,
  )
  const stop = () => link.destroy(abortedError(terminal.signal))
  terminal.signal.addEventListener('abort', stop)
  try {
    if (terminal.openPrompt === undefined) await pipeLines(link, options, terminal)
    else await converse(link, options, terminal, terminal.openPrompt)
  } finally {
    terminal.signal.removeEventListener('abort', stop)
    link.destroy(new BusError('cancelled', 'cancelled', 'the command has ended'))
  }
}

async function pipeLines(
  link: LineLink,
  { json }: TmbCommandOptions,
  terminal: Terminal,
): Promise<void> {
  const { colours, stdoutIsTerminal } = terminal
  const format = (line: Buffer): string | Uint8Array => {
    if (json) return lineToJson(line)
    return stdoutIsTerminal ? formatLine(line, colours) : Buffer.concat([line, lineEnd])
  }
  const conversation = new Conversation(link, (line) => terminal.write(format(line)))
  let last = lineFeed
  const feed = async () => {
    for await (const chunk of terminal.stdin) {
      if (link.isClosed) return
      link.send(chunk)
      last = chunk.at(-1) ?? last
      await link.room()
    }
    if (link.isClosed) return
    // Whoever ends the input ends the line that is begun as well.
    if (last !== lineFeed) link.send(lineEnd)
    conversation.end()
  }
  const [error] = await Promise.all([
    conversation.ended.finally(() => terminal.stopInput()),
    feed(),
  ])
  check(error, conversation, terminal)
}

async function converse(
  link: LineLink,
  { json, timeout }: TmbCommandOptions,
  terminal: Terminal,
  openPrompt: NonNullable<Terminal['openPrompt']>,
): Promise<void> {
  const { colours } = terminal
  const completion = new ShellCompletion()
  let prompt: Awaited<ReturnType<typeof openPrompt>> | undefined
  /** What there is to say before there is a prompt. */
  let early = ''
  const print = (text: string): Promise<void> | undefined => {
    if (prompt !== undefined) return prompt.print(text)
    early += text
    return undefined
  }
  const history = new ShellHistory(historyFile(terminal.env), (text) => {
    void print(`${colours.warning(text)}\n`)
  })
  const conversation = new Conversation(link, (line) => {
    completion.learn(line)
    return print(json ? lineToJson(line) : formatLine(line, colours))
  })
  let patience: NodeJS.Timeout | undefined
  prompt = await openPrompt({
    prompt: 'tmb> ',
    history: await history.read(),
    historySize,
    complete: (line) => completion.complete(line),
    onLine(line) {
      if (line.trim() === '' || link.isClosed) return
      history.add(line)
      completion.learnTyped(line)
      conversation.send(line)
    },
    onClose() {
      if (link.isClosed) return
      conversation.send('quit')
      patience = setTimeout(() => link.destroy(goneError()), timeout)
    },
  })
  const hello = `connected to ${link.address}; help lists the commands, Tab completes, Ctrl-D ends`
  void prompt.print(`${colours.faint(hello)}\n${early}`)
  const error = await conversation.ended
  clearTimeout(patience)
  prompt.close()
  await history.finish()
  check(error, conversation, terminal)
}

/** What goes on over one link; whoever prints slowly is waited for. */
class Conversation {
  /** Resolves with how the link ended. */
  readonly ended: Promise<BusError>
  readonly #link: LineLink
  #hasQuit = false
  #isInputOver = false

  /** @param print a promise while it wants no more */
  constructor(link: LineLink, print: (line: Buffer) => Promise<void> | undefined) {
    this.#link = link
    let isBusy: Promise<void> | undefined
    this.ended = new Promise((resolve) => {
      link.owner = {
        onLine: (bytes, start, end) => {
          const line = Buffer.from(bytes.subarray(start, end))
          if (line.equals(okQuit)) this.#hasQuit = true
          isBusy = print(line) ?? isBusy
        },
        onRead: () => {
          if (isBusy === undefined) return
          link.setReading(false)
          void isBusy.then(() => link.setReading(true))
          isBusy = undefined
        },
        onClosed: resolve,
      }
      if (link.isClosed) resolve(link.error ?? goneError())
    })
  }

  /** Whether this end was asked for, and everything sent was read before it. */
  isGoodEnd(error: BusError): boolean {
    // A connection that breaks has a cause, one that the server closes has none.
    const isClosed = error.reason === 'connection_lost' && error.cause === undefined
    return this.#hasQuit || (this.#isInputOver && isClosed)
  }

  send(line: string): void {
    this.#link.send(Buffer.from(`${line}\n`))
  }

  /** Nothing more is sent: the server closes when nothing is subscribed. */
  end(): void {
    this.#isInputOver = true
    this.#link.end()
  }
}

const lineEnd = Uint8Array.of(lineFeed)
const okQuit = Buffer.from('ok quit')

/** @throws CommandFailure */
function check(error: BusError, conversation: Conversation, terminal: Terminal): void {
  if (terminal.signal.aborted || conversation.isGoodEnd(error)) return
  throw new CommandFailure(exitCodes.unreachable, error.message)
}

function goneError(): BusError {
  return new BusError('unavailable', 'connection_lost', 'the server has not answered quit')
}
