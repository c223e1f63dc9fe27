/**
 * One registered procedure or pattern with its callees, and who of them is asked next (spec/wamp 9.7).
 */

import { BusError } from '../model/errors.ts'
import { CallQueue } from './call-queue.ts'
import type {
  Callee,
  CallRegistration,
  InvokePolicy,
  OfferOptions,
  ProcedureMatch,
} from './calls.ts'
import type { LiveClient } from './live-client.ts'

/** A client that serves a registration. */
export interface Member {
  /** Undefined: an adapter, which is a client of nobody. */
  readonly client: LiveClient | undefined
  readonly callee: Callee
  readonly options: OfferOptions
  /** Calls it has not answered. */
  open: number
}

/** What a callee must be able to do for a call. */
export interface Needs {
  readonly procedure: string
  readonly isProgressive: boolean
  readonly isPassthru: boolean
}

export class Registration implements CallRegistration {
  readonly id: number
  readonly procedure: string
  readonly match: ProcedureMatch
  readonly invoke: InvokePolicy
  readonly createdAtMs: number
  readonly members: Member[] = []
  /** Undefined: calls do not wait until somebody has room. */
  readonly queue: CallQueue | undefined
  /** Place of the member that `roundrobin` asks next. */
  #next = 0
  readonly #mayServe: (member: Member, procedure: string) => boolean

  /** @param mayServe whether whoever registered a pattern may serve a procedure */
  constructor(
    id: number,
    options: OfferOptions,
    createdAtMs: number,
    mayServe: (member: Member, procedure: string) => boolean,
  ) {
    this.#mayServe = mayServe
    this.id = id
    this.procedure = options.procedure
    this.match = options.match
    this.invoke = options.invoke
    this.createdAtMs = createdAtMs
    const { queuePlaces } = options
    this.queue = queuePlaces === 0 ? undefined : new CallQueue(this, queuePlaces)
  }

  /** Somebody has fewer calls than it takes at a time. */
  get hasRoom(): boolean {
    return this.members.some(({ open, options }) => open < options.concurrency)
  }

  get callees(): { readonly client: LiveClient; readonly callee: Callee }[] {
    return this.members.flatMap(({ client, callee }) =>
      client === undefined ? [] : [{ client, callee }],
    )
  }

  memberOf(client: LiveClient): Member | undefined {
    return this.members.find((member) => member.client === client)
  }

  /** Returns false when it was not there. */
  remove(member: Member): boolean {
    const at = this.members.indexOf(member)
    if (at === -1) return false
    this.members.splice(at, 1)
    // Whoever was next stays next.
    if (at < this.#next) this.#next -= 1
    return true
  }

  /**
   * Who serves the next call; the queue, when all who could are busy and it has a place.
   * @param tried who has been asked already
   * @throws BusError `unavailable/no_available_callee`, `unavailable/callee_busy`, `unimplemented/callee_lacks_feature`,
   *   `permission_denied/access_denied`
   */
  choose(needs: Needs, byteLength: number, tried?: readonly Member[]): Member {
    const { queue } = this
    // Nobody overtakes those who wait.
    if (queue !== undefined && queue.size > 0) queue.drain()
    const member = this.find(needs, tried)
    if (member !== undefined) return member
    if (queue?.hasRoom(byteLength) === true) return queue.member
    const text = `whoever serves ${JSON.stringify(needs.procedure)} has as many calls as it takes at a time`
    throw new BusError('unavailable', 'no_available_callee', text)
  }

  /**
   * Who can serve a call now; undefined: all who could have as many as they take.
   * @throws BusError as `choose`, when nobody could if he had room
   */
  find(needs: Needs, tried?: readonly Member[]): Member | undefined {
    const { members } = this
    const count = members.length
    const start = this.#start(count)
    const step = this.invoke === 'last' ? -1 : 1
    let obstacle: Obstacle = 'none'
    for (let i = 0; i < count; i++) {
      const at = (start + step * i + count) % count
      const member = members[at]
      if (member === undefined || tried?.includes(member) === true) continue
      const found = this.#obstacle(member, needs)
      if (found === undefined) {
        if (this.invoke === 'roundrobin') this.#next = at + 1
        return member
      }
      if (obstacle !== 'at-limit') obstacle = found
    }
    if (obstacle === 'at-limit') return undefined
    throw obstacleError(obstacle, needs.procedure)
  }

  #obstacle(member: Member, needs: Needs): Obstacle | undefined {
    const { callee, options } = member
    const { features } = callee
    if (needs.isProgressive && !(features.takesProgressiveCalls && features.canBeInterrupted)) {
      return 'lacks'
    }
    if (needs.isPassthru && !features.takesPassthru) return 'lacks'
    if (member.open >= options.concurrency) return 'at-limit'
    if (callee.isFull) return 'full'
    if (this.match === 'exact' || this.#mayServe(member, needs.procedure)) return undefined
    return 'forbidden'
  }

  #start(count: number): number {
    switch (this.invoke) {
      case 'single':
      case 'first':
        return 0
      case 'last':
        return count - 1
      case 'roundrobin':
        return this.#next >= count ? 0 : this.#next
      case 'random':
        return Math.floor(Math.random() * count)
    }
  }
}

type Obstacle = 'none' | 'lacks' | 'forbidden' | 'full' | 'at-limit'

function obstacleError(obstacle: Exclude<Obstacle, 'at-limit'>, procedure: string): BusError {
  const name = JSON.stringify(procedure)
  switch (obstacle) {
    case 'lacks': {
      const text = `no callee of ${name} supports what this call needs`
      return new BusError('unimplemented', 'callee_lacks_feature', text)
    }
    case 'forbidden': {
      const text = `whoever registered a pattern for ${name} may not serve this procedure`
      return new BusError('permission_denied', 'access_denied', text)
    }
    case 'full': {
      const text = `whoever serves ${name} does not keep up with its calls; try again`
      return new BusError('unavailable', 'callee_busy', text)
    }
    case 'none': {
      const text = `nobody who serves ${name} is available`
      return new BusError('unavailable', 'no_available_callee', text)
    }
  }
}
