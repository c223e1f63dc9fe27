/** Names, masks, topics and methods as they go into a frame, where U+0000 ends them. */

import { BusError } from '../../model/errors.ts'

const loneSurrogate = /\p{Surrogate}/u

/**
 * @param what for the error: `the topic`
 * @throws BusError `invalid_argument` when the text holds U+0000 or is no Unicode
 */
export function checkText(what: string, text: string): void {
  if (text.includes('\0')) {
    throw new BusError('invalid_argument', 'name_contains_nul', `${what} contains U+0000`)
  }
  if (loneSurrogate.test(text)) {
    const why = `${what} is no valid Unicode: it holds half a surrogate pair`
    throw new BusError('invalid_argument', 'name_not_unicode', why)
  }
}
