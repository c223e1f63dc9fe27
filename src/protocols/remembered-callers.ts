/**
 * Who calls on one connection of a protocol in which every call brings its credentials, as the header or metadata
 * `authorization`. Each identity has a client of the bus of its own; what was found out is remembered, so that a call
 * costs a look-up, and is asked anew once a minute, so that whoever is not known any more does not go on for ever. On an
 * open daemon there is one client, made at once, and nothing is looked at.
 */

import type { Clock } from '../core/clock.ts'
import { BusError, toBusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'

export interface RememberedCallersOptions<Client> {
  readonly clock: Clock
  /** @param credentials as `of` got them. @throws BusError, and rejects with it */
  readonly identify: (credentials: string) => Promise<Identity>
  /** @throws BusError as `Bus.connect` */
  readonly connect: (identity: Identity) => Client
  /** The bus has ended it: whoever it was is asked anew. */
  readonly isOver: (client: Client) => boolean
  /** It is not who it was any more: everything it has under way ends with this. */
  readonly end: (client: Client, error: BusError) => void
}

/** Identities on one connection; a proxy in front of many users has connections enough. */
const identitiesMost = 64
const validMs = 60_000

interface Caller<Client> {
  client: Client | undefined
  identity: Identity | undefined
  asking: Promise<Client> | undefined
  askedAtMs: number
}

export class RememberedCallers<Client> {
  readonly #options: RememberedCallersOptions<Client>
  readonly #known = new Map<string, Caller<Client>>()
  #isClosed = false

  constructor(options: RememberedCallersOptions<Client>) {
    this.#options = options
  }

  /**
   * At once when it is known.
   * @param credentials empty: none. They are kept as long as the connection is there
   * @throws BusError `resource_exhausted/quota_exceeded` for too many of them; rejects as `identify` and `connect`
   */
  of(credentials: string): Client | Promise<Client> {
    const caller = this.#callerFor(credentials)
    const { isOver } = this.#options
    if (caller.client !== undefined && isOver(caller.client)) caller.client = undefined
    const { client, askedAtMs } = caller
    const isFresh = this.#options.clock.monotonic() - askedAtMs < validMs
    if (client !== undefined && isFresh) return client
    caller.asking ??= this.#ask(credentials, caller).finally(() => {
      caller.asking = undefined
      if (caller.client === undefined) this.#known.delete(credentials)
    })
    return caller.asking
  }

  /** All there are now. */
  *clients(): Iterable<Client> {
    for (const { client } of this.#known.values()) if (client !== undefined) yield client
  }

  /** The connection is gone; clients are their maker's to close. */
  close(): void {
    this.#isClosed = true
    this.#known.clear()
  }

  #callerFor(credentials: string): Caller<Client> {
    const known = this.#known.get(credentials)
    if (known !== undefined) return known
    if (this.#known.size >= identitiesMost) {
      const text = `more than ${identitiesMost} identities on one connection`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const caller = { client: undefined, identity: undefined, asking: undefined, askedAtMs: 0 }
    this.#known.set(credentials, caller)
    return caller
  }

  async #ask(credentials: string, caller: Caller<Client>): Promise<Client> {
    const { clock, identify, connect, end } = this.#options
    const before = caller.client
    try {
      const identity = await identify(credentials)
      if (this.#isClosed) throw closedError()
      caller.askedAtMs = clock.monotonic()
      if (before !== undefined && isSame(caller.identity, identity)) return before
      const client = connect(identity)
      caller.client = client
      caller.identity = identity
      if (before !== undefined) end(before, changedError())
      return client
    } catch (error) {
      const refusal = toBusError(error)
      // Too many attempts say nothing about whether it is still known.
      const isOver = refusal.code === 'unauthenticated' || refusal.code === 'permission_denied'
      if (isOver && before !== undefined) end(before, refusal)
      if (isOver) caller.client = undefined
      throw error
    }
  }
}

function isSame(a: Identity | undefined, b: Identity): boolean {
  return (
    a?.user === b.user &&
    a.groups.length === b.groups.length &&
    a.groups.every((group, i) => group === b.groups[i])
  )
}

function changedError(): BusError {
  return new BusError('aborted', 'connection_lost', 'the groups of this user changed; try again')
}

function closedError(): BusError {
  return new BusError('unavailable', 'connection_lost', 'the connection is closed')
}
