/** Where a command's payloads come from: arguments, files, or standard input, whole or by lines. */

import { UsageError } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

export interface PayloadSource {
  readonly args: readonly string[]
  readonly files: readonly string[]
  /** Every line of the input is a payload. */
  readonly lines: boolean
}

/** A longer line is one message still; this only bounds what a file without line breaks costs. */
const maxLineBytes = 67_108_864

/**
 * Payloads in order: arguments, then files; standard input when neither is given or `-` is named.
 * Nothing is read ahead of what the caller takes.
 */
export async function* readPayloads(
  { args, files, lines }: PayloadSource,
  terminal: Terminal,
): AsyncGenerator<Uint8Array | string, void, undefined> {
  const fromStdin = args.includes('-') || files.includes('-') || args.length + files.length === 0
  if (fromStdin && terminal.stdinIsTerminal) {
    throw new UsageError('give a payload as argument, name a --file, or pipe something in')
  }
  for (const arg of args) if (arg !== '-') yield arg
  for (const file of files) if (file !== '-') yield* readInput(await openFile(file), lines)
  if (fromStdin) yield* readInput(terminal.stdin, lines)
}

async function openFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  const { open } = await import('node:fs/promises')
  try {
    return (await open(path)).createReadStream()
  } catch (error) {
    throw new UsageError(`--file ${path} cannot be read: ${(error as Error).message}`)
  }
}

function readInput(input: AsyncIterable<Uint8Array>, lines: boolean): AsyncIterable<Uint8Array> {
  return lines ? splitLines(input) : wholeInput(input)
}

async function* wholeInput(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of input) chunks.push(chunk)
  yield Buffer.concat(chunks)
}

/** Line breaks (LF or CRLF) are not part of a line; an unfinished last line counts. */
async function* splitLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = []
  let bytes = 0
  const take = (last: Uint8Array) => {
    const line = pieces.length === 0 ? last : Buffer.concat([...pieces, last])
    pieces = []
    bytes = 0
    return line.at(-1) === 0x0d ? line.subarray(0, -1) : line
  }
  for await (const chunk of input) {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      yield take(chunk.subarray(start, end))
      start = end + 1
    }
    if (start === chunk.length) continue
    pieces.push(chunk.subarray(start))
    bytes += chunk.length - start
    if (bytes > maxLineBytes) throw new UsageError(`a line is longer than ${maxLineBytes} bytes`)
  }
  if (pieces.length > 0) yield take(new Uint8Array())
}

/** `-H key=value`, repeatable. */
export function collectHeader(text: string, headers: Map<string, string> = new Map()) {
  const at = text.indexOf('=')
  if (at < 0) throw new UsageError(`-H ${text}: expected key=value`)
  return headers.set(text.slice(0, at), text.slice(at + 1))
}

/** For repeatable options. */
export function collect(text: string, all: readonly string[] = []): readonly string[] {
  return [...all, text]
}
