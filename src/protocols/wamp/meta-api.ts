/**
 * The procedures below `wamp.` that a realm serves itself (spec/wamp 10): who is here, what is subscribed and registered,
 * and what an administrator may do about it. They are a prefix that the realm serves in its call space, so rules,
 * counters and callers of other protocols concern them like any other procedure; nobody else can offer them.
 */

import type { Callee, CalleeFeatures, CallContent, ServedCall } from '../../core/calls.ts'
import { toBusError } from '../../model/errors.ts'
import { json } from '../../wire/wamp/json.ts'
import { encodePayload, type WampPayload } from '../../wire/wamp/payload.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'
import { isUri } from '../../wire/wamp/uri.ts'
import { type WampArgs, WampFloat, type WampKwargs, type WampValue } from '../../wire/wamp/value.ts'
import { argumentsOf, WampContent } from './call-content.ts'
import { toCallFailure } from './call-errors.ts'
import { SessionCalls } from './session-calls.ts'
import type { WampSession } from './session.ts'
import { errorUris, WampError } from './translate-error.ts'

const features: CalleeFeatures = {
  canBeInterrupted: false,
  takesProgressiveCalls: false,
  takesPassthru: false,
  watchesTimeouts: false,
  passesOn: false,
}

/** What a procedure answers. */
export interface MetaAnswer {
  readonly args: WampArgs
  readonly kwargs?: WampKwargs | undefined
}

/** Arguments of a call, read one at a time; what is wrong with one is `invalid_argument`. */
export class MetaCall {
  /** Undefined: the caller is no client of WAMP. */
  readonly session: WampSession | undefined
  readonly payload: WampPayload
  readonly #served: ServedCall

  constructor(served: ServedCall, session: WampSession | undefined, payload: WampPayload) {
    this.#served = served
    this.session = session
    this.payload = payload
  }

  /** @throws BusError `permission_denied` */
  requireAdministrator(): void {
    this.#served.requireAccess('admin', '')
  }

  arg(at: number): WampValue | undefined {
    return this.payload.args[at]
  }

  keyword(key: string): WampValue | undefined {
    const value = this.payload.kwargs.get(key)
    return value === null ? undefined : value
  }

  /** @throws WampError */
  id(at: number): number {
    const value = numberOf(this.arg(at))
    if (value === undefined || value < 1) throw invalid(`argument ${at + 1} is an id`)
    return value
  }

  /** @throws WampError */
  optionalId(at: number): number | undefined {
    const value = this.arg(at)
    return value === undefined || value === null ? undefined : this.id(at)
  }

  /** @throws WampError */
  text(at: number): string {
    const value = this.arg(at)
    if (typeof value !== 'string') throw invalid(`argument ${at + 1} is text`)
    return value
  }

  /** @throws WampError */
  optionalText(key: string): string | undefined {
    const value = this.keyword(key)
    if (value === undefined || typeof value === 'string') return value
    throw invalid(`${key} is text`)
  }

  /** @throws WampError `invalid_uri` */
  optionalUri(key: string): string | undefined {
    const uri = this.optionalText(key)
    if (uri !== undefined && !isUri(uri))
      throw new WampError(errorUris.invalidUri, `${key} is a URI`)
    return uri
  }

  /** @throws WampError */
  optionalTexts(at: number): ReadonlySet<string> | undefined {
    const value = this.arg(at)
    if (value === undefined || value === null) return undefined
    if (!Array.isArray(value)) throw invalid(`argument ${at + 1} is a list of texts`)
    return new Set(
      value.map((item: WampValue) => {
        if (typeof item !== 'string') throw invalid(`argument ${at + 1} is a list of texts`)
        return item
      }),
    )
  }

  /** `match` in a dict of options, as `lookup` has it. @throws WampError */
  match(at: number): 'exact' | 'prefix' | 'wildcard' {
    const options = this.arg(at)
    if (options === undefined || options === null) return 'exact'
    if (!(options instanceof Map)) throw invalid(`argument ${at + 1} is a dict`)
    const match: unknown = options.get('match') ?? 'exact'
    if (match === 'exact' || match === 'prefix' || match === 'wildcard') return match
    throw invalid('match is exact, prefix or wildcard')
  }
}

/** May throw or reject with `WampError` or `BusError`. */
export type MetaProcedure = (call: MetaCall) => MetaAnswer | Promise<MetaAnswer>

export class MetaApi implements Callee {
  readonly features = features
  readonly isFull = false
  readonly #procedures: ReadonlyMap<string, MetaProcedure>

  constructor(procedures: Iterable<readonly [name: string, procedure: MetaProcedure]>) {
    this.#procedures = new Map(procedures)
  }

  invoke(call: ServedCall, content: CallContent): void {
    const { sink, procedure } = call
    const session = sink instanceof SessionCalls ? sink.session : undefined
    const serializer = session?.serializer ?? json
    const answer = ({ args, kwargs }: MetaAnswer) => {
      call.answer(new WampContent(encodePayload(serializer, args, kwargs), undefined))
    }
    const fail = (error: unknown) => {
      if (!(error instanceof WampError)) call.fail(toBusError(error))
      else call.fail(toFailure(error, serializer))
    }
    try {
      const found = this.#procedures.get(procedure)
      if (found === undefined) {
        const text = `there is no procedure ${procedure}`
        throw new WampError(errorUris.noSuchProcedure, text)
      }
      // What answers later asks again with octets that have become somebody else's.
      const payload = argumentsOf(content, serializer).toOwned()
      const answered = found(new MetaCall(call, session, payload))
      if (answered instanceof Promise) answered.then(answer, fail)
      else answer(answered)
    } catch (error) {
      fail(error)
    }
  }

  continue(): void {
    // It announces that it takes no parts.
  }

  interrupt(): void {
    // What it does is done before anybody can give up.
  }

  revoked(): void {
    // It is no registration.
  }
}

function toFailure({ uri, message }: WampError, serializer: Serializer) {
  return toCallFailure(uri, new WampContent(encodePayload(serializer, [message]), undefined))
}

/** An integer, however it was written. */
export function numberOf(value: WampValue | undefined): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (value instanceof WampFloat && Number.isSafeInteger(value.value)) return value.value
  return undefined
}

export function invalid(text: string): WampError {
  return new WampError(errorUris.invalidArgument, text)
}
