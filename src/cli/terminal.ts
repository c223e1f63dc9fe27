/**
 * Where a command reads and writes, as one object that tests replace. Writing respects the reader's
 * pace; a reader that has gone (`| head`) and Ctrl-C both raise `signal`, and commands end there.
 */

import { Colours } from './colours.ts'
import { PacedOutput } from './paced-output.ts'
import type { Prompt, PromptOptions } from './prompt.ts'
import type { Screen, ScreenEvents } from './screen.ts'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdinIsTerminal: boolean
  /** Ends `stdin` for a command that wants no more of it; what has not come would keep the process. */
  stopInput(): void
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
  /** For what goes to standard output. */
  readonly colours: Colours
  /** For what goes to standard error. */
  readonly errorColours: Colours
  /**
   * Raised by Ctrl-C and SIGTERM (reason: the name), when nobody reads the output any more (`EPIPE`), or
   * when the output cannot be written (the error).
   */
  readonly signal: AbortSignal
  /** Writes to standard output; a promise when the reader is slow. */
  write(output: string | Uint8Array): Promise<void> | undefined
  /** Resolves when everything is written to standard output, or cannot be. */
  finish(): Promise<void>
  /** Writes to standard error. */
  writeError(text: string): void
  /** Lets a person type a line that is not shown; absent in tests. */
  readonly askSecret?: ((question: string) => Promise<string>) | undefined
  /** Takes the terminal over, until it is closed. Undefined where standard output is none. */
  readonly openScreen: ((events: ScreenEvents) => Promise<Screen>) | undefined
  /** Lets a person type lines while others are printed. Undefined where input or output is no terminal. */
  readonly openPrompt: ((options: PromptOptions) => Promise<Prompt>) | undefined
}

/** What `process` has of it. */
type Process = Pick<
  NodeJS.Process,
  'env' | 'stdin' | 'stdout' | 'stderr' | 'once' | 'removeListener' | 'kill' | 'pid'
>

export function openTerminal(from: Process): Terminal {
  const { env, stdin, stdout, stderr } = from
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Once: a second signal ends the process the usual way.
    from.once(name, () => stop.abort(name))
  }
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    stop.abort(error.code === 'EPIPE' ? 'EPIPE' : error)
  })
  const paced = new PacedOutput(stdout, stop.signal)
  const inputStop = new AbortController()
  return {
    env,
    stdin: readUntil(() => stdin, AbortSignal.any([stop.signal, inputStop.signal])),
    stopInput: () => inputStop.abort(),
    get stdinIsTerminal() {
      return stdin.isTTY
    },
    stdoutIsTerminal: stdout.isTTY,
    stderrIsTerminal: stderr.isTTY,
    colours: new Colours(wantsColour(env, stdout.isTTY)),
    errorColours: new Colours(wantsColour(env, stderr.isTTY)),
    signal: stop.signal,
    write: (output) => paced.write(output),
    finish: () => paced.finish(),
    writeError(text) {
      // In the order in which it happened.
      paced.flush()
      stderr.write(text)
    },
    askSecret: (question) => askSecret(from, question),
    openScreen: stdout.isTTY ? (events) => openScreen(from, events) : undefined,
    // Touching stdin opens it, so it is asked no earlier than needed.
    get openPrompt() {
      if (!stdout.isTTY || !stdin.isTTY) return undefined
      return (options: PromptOptions) => openPrompt(from, options)
    },
  }
}

async function openScreen(from: Process, events: ScreenEvents): Promise<Screen> {
  const { Screen } = await import('./screen.ts')
  return new Screen(from, events)
}

async function askSecret(from: Process, question: string): Promise<string> {
  const { promptSecret } = await import('./secret-prompt.ts')
  return promptSecret(from, question)
}

async function openPrompt(from: Process, options: PromptOptions): Promise<Prompt> {
  const { Prompt } = await import('./prompt.ts')
  return new Prompt(from, options)
}

/** Ends quietly when the signal fires. `open` is called by the first read: touching stdin opens it. */
async function* readUntil(
  open: () => NodeJS.ReadStream,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = open()
  const stop = () => input.destroy()
  signal.addEventListener('abort', stop)
  try {
    if (!signal.aborted) yield* input as AsyncIterable<Uint8Array>
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** https://no-color.org: any non-empty value turns colours off; FORCE_COLOR turns them on. */
function wantsColour(env: Process['env'], isTerminal: boolean): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0'
  return isTerminal && env['TERM'] !== 'dumb'
}
