/**
 * CRC-32 (ISO-HDLC, the one of zlib and PNG) of a range of bytes. A call into zlib costs some 250 ns
 * before its first byte, more than a record of a hundred bytes takes in JavaScript; from a few hundred
 * bytes on zlib is many times faster. So short ranges are done here, four table look-ups per four
 * bytes, and long ones there.
 */

import { crc32 as zlibCrc32 } from 'node:zlib'

/** Measured crossing point of the two ways. */
const longBytes = 320

const tables = buildTables()
const [table0, table1, table2, table3] = tables

/**
 * The checksum of `bytes[start..end)` as an unsigned number. `seed` is the checksum of what stands
 * before, so that pieces can be summed one after the other; 0 at the beginning.
 */
export function crc32(bytes: Uint8Array, start: number, end: number, seed: number): number {
  if (end - start >= longBytes) return zlibCrc32(bytes.subarray(start, end), seed)
  let crc = ~seed
  let i = start
  // Typed arrays answer undefined only outside of their bounds, and the indexes are masked.
  for (const last = end - 3; i < last; i += 4) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    crc =
      (table3[crc & 0xff] as number) ^
      (table2[(crc >>> 8) & 0xff] as number) ^
      (table1[(crc >>> 16) & 0xff] as number) ^
      (table0[crc >>> 24] as number)
  }
  for (; i < end; i++) crc = (table0[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Table k holds the effect of a byte that is followed by k zero bytes. */
function buildTables(): [Int32Array, Int32Array, Int32Array, Int32Array] {
  const all = [0, 1, 2, 3].map(() => new Int32Array(256)) as ReturnType<typeof buildTables>
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    all[0][byte] = crc
  }
  for (let k = 1; k < 4; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = all[k - 1]?.[byte] as number
      ;(all[k] as Int32Array)[byte] = (before >>> 8) ^ (all[0][before & 0xff] as number)
    }
  }
  return all
}
