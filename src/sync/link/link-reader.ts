/**
 * Frames of links, decoded. A hostile frame could hold millions of entries of two bytes each, and an object is made for
 * each: a frame that is larger than ours are is counted before.
 */

import { ProtoDecodeError, ProtoReader } from '../../base/proto-reader.ts'
import { ProtocolError } from '../../model/errors.ts'
import { decodeLinkFrame, type LinkFrame } from '../../wire/gen/msgbus-link.ts'
import { frameBytes } from './link-writer.ts'

/** Larger ones hold one large message, or live traffic. */
const countedBytes = 2 * frameBytes
const entriesMost = 20_000
/** Of LinkFrame: number << 3 | wire type. */
const batchesTag = (8 << 3) | 2

/** @throws ProtocolError */
export function readFrame(bytes: Uint8Array): LinkFrame {
  try {
    if (bytes.length > countedBytes) checkCount(bytes)
    return decodeLinkFrame(bytes)
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause
    throw new ProtocolError(`a frame of a link cannot be decoded: ${cause.message}`, { cause })
  }
}

function checkCount(bytes: Uint8Array): void {
  const reader = new ProtoReader(bytes)
  let count = 0
  const countFields = (end: number, isFrame: boolean): void => {
    while (reader.position < end) {
      const tag = reader.tag()
      count += 1
      if (count > entriesMost)
        throw new ProtocolError(`a frame of more than ${entriesMost} entries`)
      if (isFrame && tag === batchesTag) countFields(reader.nested(end), false)
      else reader.skip(tag, end)
    }
  }
  countFields(bytes.length, true)
}
