/**
 * Publications as lines for TMB clients (spec/tmb 10.3, 10.4). The line of one publication is made once, however many
 * clients get it; what came in as a line goes out as the same bytes, without being taken apart. The others are put
 * together in one memory that is used again and again.
 */

import { Buffer } from 'node:buffer'
import type { Publication } from '../../core/live.ts'
import type { Logger } from '../../core/logger.ts'
import type { Headers, StoredMessage } from '../../model/message.ts'
import { blank, colon, isWhiteSpace, lineFeed } from '../../wire/tmb/category.ts'
import { categoryOf, TopicTable } from './translate.ts'

/** Names the white space byte behind the category where it is no blank; empty: there was none. */
export const separatorHeader = 'tmb-sep'

const noSeparator = -1
const base64Mark = '=base64 '
const scratchBytes = 65_536
/** Topics that were reported in the log; then the oldest may be reported again. */
const reportedTopicsMost = 1_000

const { indexOf } = Buffer.prototype
const nothing = new Uint8Array(0)

export class LineWriter {
  readonly #logger: Logger
  readonly #categories = new TopicTable()
  readonly #scratch = new Uint8Array(scratchBytes)
  /** The line that is being published right now. */
  #lineBytes: Uint8Array = nothing
  #lineStart = 0
  #lineEnd = 0
  #payloadBytes: Uint8Array = nothing
  #payloadStart = 0
  /** What was made last, and of which publication. */
  #serial = -1
  #line: Uint8Array | undefined
  #binarySerial = -1
  #binaryLine: Uint8Array | undefined
  readonly #reported = new Set<string>()
  #skipped = 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Publications that no line could be made of, since start. */
  get skipped(): number {
    return this.#skipped
  }

  /**
   * What is published until `done` came as the line `bytes[start..end)`, without its end, and can go out as it is. Its
   * payload begins at `payloadBytes[payloadStart]`.
   */
  begin(
    bytes: Uint8Array,
    start: number,
    end: number,
    payloadBytes: Uint8Array,
    payloadStart: number,
  ): void {
    this.#lineBytes = bytes
    this.#lineStart = start
    this.#lineEnd = end
    this.#payloadBytes = payloadBytes
    this.#payloadStart = payloadStart
  }

  done(): void {
    this.#payloadBytes = nothing
  }

  /**
   * The whole line of a publication, with its end; undefined when it has none. Valid until the next publication.
   * @param binary a payload with line ends goes out in base64 (spec 10.4)
   */
  lineOf(publication: Publication, binary: boolean): Uint8Array | undefined {
    const { serial } = publication
    if (this.#serial !== serial) {
      this.#serial = serial
      this.#line = this.#make(publication)
    }
    if (this.#line !== undefined || !binary) return this.#line
    if (this.#binarySerial !== serial) {
      this.#binarySerial = serial
      this.#binaryLine = this.#makeBinary(publication)
    }
    return this.#binaryLine
  }

  #make(publication: Publication): Uint8Array | undefined {
    const { topic, bytes, start, end } = publication
    if (bytes === this.#payloadBytes && start === this.#payloadStart) return this.#takeOver()
    const category = this.#categories.categoryOf(topic)
    if (category === undefined) return undefined
    const feed = indexOf.call(bytes, lineFeed, start)
    if (feed !== -1 && feed < end) {
      this.#report(topic.name)
      return undefined
    }
    const separator = separatorOf(publication.headers, end - start)
    const length = category.length + (separator === noSeparator ? 2 : 3) + (end - start)
    const line = length <= scratchBytes ? this.#scratch.subarray(0, length) : new Uint8Array(length)
    fillLine(line, category, separator, bytes, start, end)
    return line
  }

  /** The line that came in, where it stands, if its end stands behind it. */
  #takeOver(): Uint8Array {
    const bytes = this.#lineBytes
    const start = this.#lineStart
    const end = this.#lineEnd
    if (bytes[end] === lineFeed) return bytes.subarray(start, end + 1)
    const length = end - start + 1
    const line = length <= scratchBytes ? this.#scratch.subarray(0, length) : new Uint8Array(length)
    line.set(bytes.subarray(start, end))
    line[length - 1] = lineFeed
    return line
  }

  #makeBinary({ topic, bytes, start, end }: Publication): Uint8Array | undefined {
    const category = this.#categories.categoryOf(topic)
    return category && base64Line(category, bytes.subarray(start, end))
  }

  #report(topic: string): void {
    this.#skipped += 1
    if (this.#reported.has(topic)) return
    if (this.#reported.size >= reportedTopicsMost) {
      for (const oldest of this.#reported) {
        this.#reported.delete(oldest)
        break
      }
    }
    this.#reported.add(topic)
    this.#logger.warn('tmb_payload_not_a_line', { topic, skippedSoFar: this.#skipped })
  }
}

/** A message that was kept, as a line with its end; undefined when it has none. */
export function lineOfMessage(message: StoredMessage, binary: boolean): Uint8Array | undefined {
  const { topic, payload, headers } = message
  const text = categoryOf(topic)
  if (text === undefined) return undefined
  const category = Buffer.from(text, 'latin1')
  if (payload.includes(lineFeed)) return binary ? base64Line(category, payload) : undefined
  const separator = separatorOf(headers, payload.length)
  const line = new Uint8Array(
    category.length + (separator === noSeparator ? 2 : 3) + payload.length,
  )
  fillLine(line, category, separator, payload, 0, payload.length)
  return line
}

function base64Line(category: Uint8Array, payload: Uint8Array): Uint8Array {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('base64')
  return Buffer.concat([
    Buffer.from(':'),
    category,
    Buffer.from(` ${base64Mark}${text}\n`, 'latin1'),
  ])
}

function fillLine(
  line: Uint8Array,
  category: Uint8Array,
  separator: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  line[0] = colon
  line.set(category, 1)
  let at = category.length + 1
  if (separator !== noSeparator) line[at++] = separator
  line.set(bytes.subarray(start, end), at)
  line[line.length - 1] = lineFeed
}

/** The byte behind the category. A header that names no white space byte, or none before a payload, says nothing. */
function separatorOf(headers: Headers, payloadBytes: number): number {
  if (headers.size === 0) return blank
  const text = headers.get(separatorHeader)
  if (text === undefined) return blank
  if (text === '') return payloadBytes === 0 ? noSeparator : blank
  const byte = /^[0-9a-f]{2}$/.test(text) ? Number.parseInt(text, 16) : lineFeed
  return byte !== lineFeed && isWhiteSpace(byte) ? byte : blank
}

/** Headers for the byte behind the category, made once each. */
const separatorHeaders: readonly Headers[] = Array.from({ length: 0x21 }, (_, byte) => {
  return new Map([[separatorHeader, byte.toString(16).padStart(2, '0')]])
})
const endingHeaders: Headers = new Map([[separatorHeader, '']])

/** What a message has to remember beside its payload; undefined: nothing. @param separator -1: there was none */
export function headersFor(separator: number): Headers | undefined {
  if (separator === blank) return undefined
  return separator === noSeparator ? endingHeaders : separatorHeaders[separator]
}
