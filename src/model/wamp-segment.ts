/**
 * One segment of a name as WAMP writes it, where `.` divides segments (spec/wamp 13.1): `.`, `#` and white space
 * are written as `%` and two upper-case hex digits, or `%u` and four from U+0100 on; an empty segment is `%00`.
 * What looks like such an escape already gets one more `25` behind its `%`. One-to-one in both directions;
 * everything else, other `%` included, stays as it is.
 */

const blanks = '\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000'
const escapes = '2E|23|09|0A|0B|0C|0D|20|85|A0|u1680|u200[0-9A]|u2028|u2029|u202F|u205F|u3000'
const written = new RegExp(`%((?:25)*)(${escapes})`, 'g')
const toEscape = new RegExp(`%((?:25)*)(${escapes})|[.#${blanks}]`, 'g')

export function encodeWampSegment(segment: string): string {
  if (segment === '') return '%00'
  return segment
    .replace(/^%((?:25)*)00$/, '%25$100')
    .replace(toEscape, (found, twentyFives: string | undefined, digits: string | undefined) =>
      digits === undefined ? escapeOf(found) : `%25${twentyFives ?? ''}${digits}`,
    )
}

export function decodeWampSegment(segment: string): string {
  if (segment === '%00') return ''
  return segment
    .replace(/^%25((?:25)*)00$/, '%$100')
    .replace(written, (_found, twentyFives: string, digits: string) =>
      twentyFives === ''
        ? String.fromCharCode(parseInt(digits.replace('u', ''), 16))
        : `%${twentyFives.slice(2)}${digits}`,
    )
}

function escapeOf(character: string): string {
  const code = character.charCodeAt(0)
  const digits = code.toString(16).toUpperCase()
  return code < 0x100 ? `%${digits.padStart(2, '0')}` : `%u${digits.padStart(4, '0')}`
}
