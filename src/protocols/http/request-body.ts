/**
 * Bodies of requests, read whole: each is bounded by what a message may have, and all that are held at a time together,
 * so that many slow uploads cannot take the memory of the daemon.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BusError } from '../../model/errors.ts'
import { bodyTooLarge, HttpError, unsupportedMediaType } from './http-error.ts'

export class BodyBudget {
  readonly #mostBytes: number
  #heldBytes = 0

  /** @param mostBytes of all bodies together; one of any size always has room */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** False: there is no room now. */
  take(bytes: number): boolean {
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#mostBytes) return false
    this.#heldBytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#heldBytes -= bytes
  }
}

export interface RequestBody {
  /** Belongs to the caller. */
  readonly bytes: Buffer
  /** Call when the bytes are not held any more. */
  release(): void
}

/**
 * @param maxBytes a larger body is refused, unread where its length is announced
 * @throws HttpError 413, 415 for one that is compressed, 503 when there is no room for it now
 * @throws BusError `cancelled` when the client goes before it has sent all
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  budget: BodyBudget,
): Promise<RequestBody> {
  const { 'content-encoding': encoding = 'identity', expect } = request.headers
  if (encoding !== 'identity') {
    throw unsupportedMediaType(`the body must not be compressed, and is ${encoding}`)
  }
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) throw bodyTooLarge(maxBytes)
  let held = 0
  const grow = (bytes: number) => {
    if (!budget.take(bytes)) throw noRoom()
    held += bytes
  }
  try {
    grow(announced)
    if (expect !== undefined) response.writeContinue()
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) throw bodyTooLarge(maxBytes)
      if (length > held) grow(length - held)
      chunks.push(chunk)
    }
    const [first = Buffer.alloc(0)] = chunks
    const bytes = chunks.length > 1 ? Buffer.concat(chunks, length) : first
    return { bytes, release: () => budget.giveBack(held) }
  } catch (error) {
    budget.giveBack(held)
    if (error instanceof BusError) throw error
    const text = 'the client went before it had sent its request'
    throw new BusError('cancelled', 'cancelled', text, { cause: error })
  }
}

function noRoom(): HttpError {
  const text = 'too many bodies are being read; try again'
  const headers = { 'retry-after': '1', connection: 'close' }
  return new HttpError(503, ['resource_exhausted', 'quota_exceeded'], text, headers)
}
