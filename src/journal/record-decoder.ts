/** Records of a block as messages. The caller has checked that the record is sound. */

import { formatUuid } from '../base/uuid.ts'
import { noHeaders, type Headers, type LogKey, type StoredMessage } from '../model/message.ts'
import { contentStart, recordFlags, textEnd, type BlockView } from './block.ts'

const noPayload = new Uint8Array(0)
/** A byte order mark is a character like any other here. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export interface DecodeOptions {
  /** What the store knows now; the record may not have been rewritten yet. */
  readonly deleted: boolean
  /** Content of deleted messages is shown as long as it is there. */
  readonly keepsDeletedPayloads: boolean
  /**
   * Payloads become copies instead of views into the block: for pages that use a small part of it
   * and would keep the whole in memory.
   */
  readonly copies: boolean
}

export function decodeRecord(
  view: BlockView,
  i: number,
  log: LogKey,
  options: DecodeOptions,
): StoredMessage {
  const flags = view.flagsAt(i)
  const { bytes } = view
  const start = view.bodyStartAt(i)
  const end = start + view.bodyLengthAt(i)
  const id =
    (flags & recordFlags.textId) === 0
      ? formatUuid(view.words, view.idWordAt(i))
      : textAt(bytes, start)
  let at = contentStart(bytes, start, flags)
  const deleted = options.deleted || (flags & recordFlags.deleted) !== 0
  let headers: Headers = noHeaders
  let payload: Uint8Array = noPayload
  if (!deleted || options.keepsDeletedPayloads) {
    if ((flags & recordFlags.headers) !== 0) {
      const texts = new TextList(bytes, at)
      headers = texts.headers()
      at = texts.position
    }
    if (at < end) payload = options.copies ? copy(bytes, at, end) : bytes.subarray(at, end)
  }
  return {
    topic: log.topic,
    origin: log.origin,
    id,
    headId: view.headAt(i),
    sequence: view.sequenceAt(i),
    payload,
    headers,
    createdAtMs: view.createdAtMsAt(i),
    deleted,
  }
}

/** Bytes of payload and headers as limits and `LogInfo.bytes` count them, without decoding. */
export function contentSize(view: BlockView, i: number): number {
  const flags = view.flagsAt(i)
  const start = view.bodyStartAt(i)
  const end = start + view.bodyLengthAt(i)
  const at = contentStart(view.bytes, start, flags)
  if ((flags & recordFlags.headers) === 0) return end - at
  const texts = new TextList(view.bytes, at)
  const framing = texts.skipHeaders()
  return end - at - framing
}

/** The publish id of a record, if it has one. */
export function publishIdAt(view: BlockView, i: number): string | undefined {
  const flags = view.flagsAt(i)
  if ((flags & recordFlags.publishId) === 0) return undefined
  const start = view.bodyStartAt(i)
  return textAt(view.bytes, (flags & recordFlags.textId) === 0 ? start : textEnd(view.bytes, start))
}

function textAt(bytes: Uint8Array, at: number): string {
  return decoder.decode(bytes.subarray(at + 2, textEnd(bytes, at)))
}

/** Always bytes of their own: a slab shared by many messages would keep them all. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}

/** The headers of a body: a count, then keys and values, each preceded by its length. */
class TextList {
  position: number
  readonly #bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = position
  }

  headers(): Headers {
    const headers = new Map<string, string>()
    for (let rest = this.#number(); rest > 0; rest--) headers.set(this.#text(), this.#text())
    return headers
  }

  /** Goes behind them and answers how many of their bytes are count and lengths. */
  skipHeaders(): number {
    const count = this.#number()
    for (let rest = count * 2; rest > 0; rest--) {
      const length = this.#number()
      this.position += length
    }
    return 4 + count * 8
  }

  #text(): string {
    const length = this.#number()
    const start = this.position
    this.position += length
    return decoder.decode(this.#bytes.subarray(start, this.position))
  }

  #number(): number {
    this.position += 4
    return this.#view.getUint32(this.position - 4, true)
  }
}
