/** The rule of the specification for ids of requests (spec/wamp 2.1): 1, 2, 3 … in one counter for all of them. */

import { ProtocolError } from '../../model/errors.ts'

export class RequestOrder {
  #last = 0

  /** @throws ProtocolError when it is not the next one */
  next(request: number): void {
    const expected = this.#last === 2 ** 53 ? 1 : this.#last + 1
    if (request !== expected) {
      throw new ProtocolError(`request ${request} instead of ${expected}`)
    }
    this.#last = request
  }

  /** A call may go on under its old id. @throws ProtocolError when there was none and it is not the next one */
  nextOrEarlier(request: number): void {
    if (request > this.#last) this.next(request)
  }
}
