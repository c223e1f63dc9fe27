/**
 * What sessions leave to be published when they end (spec/wamp 9.10), for whatever reason; not when the daemon stops or
 * all sessions are killed at once.
 */

import { toBusError } from '../../model/errors.ts'
import { encodePayload, type WampPayload } from '../../wire/wamp/payload.ts'
import { emptyDict, isDict, type WampDict, type WampValue } from '../../wire/wamp/value.ts'
import { type PublishOptions, publishOptions } from './options.ts'
import type { Publishing } from './publishing.ts'
import type { Realm } from './realm.ts'
import type { WampSession } from './session.ts'
import { errorUris, WampError } from './translate-error.ts'

/** Of one session, both scopes together. */
const testamentsMost = 100
/** In the order in which they are published. */
const scopes = ['detached', 'destroyed'] as const
type Scope = (typeof scopes)[number]

interface Testament {
  readonly uri: string
  readonly payload: WampPayload
  readonly options: PublishOptions
}

export class Testaments {
  readonly #realm: Realm
  readonly #publishing: Publishing
  readonly #bySession = new Map<WampSession, Record<Scope, Testament[]>>()

  constructor(realm: Realm, publishing: Publishing) {
    this.#realm = realm
    this.#publishing = publishing
  }

  /**
   * `wamp.session.add_testament`; returns how many there are in that scope.
   * @param args topic, args, kwargs
   * @throws WampError
   */
  add(
    session: WampSession,
    args: readonly WampValue[],
    kwargs: ReadonlyMap<WampValue, WampValue>,
  ): number {
    const [uri, own = [], keywords = emptyDict] = args
    if (typeof uri !== 'string' || !Array.isArray(own) || !isDict(keywords)) {
      throw new WampError(errorUris.invalidArgument, 'the arguments are topic, args and kwargs')
    }
    const scope = scopeOf(kwargs)
    const given = kwargs.get('publish_options') ?? emptyDict
    if (!isDict(given)) throw new WampError(errorUris.invalidArgument, 'publish_options is a dict')
    const options = optionsOf(given)
    const topic = this.#publishing.topicOf(uri)
    if (topic === undefined) throw new WampError(errorUris.invalidUri, `no topic: ${uri}`)
    if (!session.client.maySee('publish', topic.name)) {
      throw new WampError(errorUris.notAuthorized, `you may not publish on ${uri}`)
    }
    const all = this.#bySession.get(session) ?? { detached: [], destroyed: [] }
    if (all.detached.length + all.destroyed.length >= testamentsMost) {
      const text = `a session has at most ${testamentsMost} testaments`
      throw new WampError(errorUris.notAuthorized, text)
    }
    const payload = encodePayload(session.serializer, own, keywords)
    this.#bySession.set(session, all)
    return all[scope].push({ uri, payload, options })
  }

  /** `wamp.session.flush_testaments`; returns how many there were in that scope. @throws WampError */
  flush(session: WampSession, kwargs: ReadonlyMap<WampValue, WampValue>): number {
    const scope = scopeOf(kwargs)
    const all = this.#bySession.get(session)
    if (all === undefined) return 0
    return all[scope].splice(0).length
  }

  /** The session is over: its testaments are published, with its rights. */
  publish(session: WampSession): void {
    const all = this.#bySession.get(session)
    this.#bySession.delete(session)
    if (all === undefined || session.leavesQuietly) return
    const testaments = scopes.flatMap((scope) => all[scope])
    if (testaments.length === 0) return
    const { bus, logger } = this.#realm.options
    try {
      // Its own client may be gone already.
      const client = bus.connect(session.principal.identity, { protocol: 'wamp' })
      for (const testament of testaments) {
        const refusal = this.#publishing.publishFor(session, client, testament)
        if (refusal !== undefined) {
          logger.info('wamp_testament_refused', { session: session.id, reason: refusal.message })
        }
      }
      client.close()
    } catch (error) {
      logger.warn('wamp_testament_failed', { reason: toBusError(error).reason })
    }
  }
}

function scopeOf(kwargs: ReadonlyMap<WampValue, WampValue>): Scope {
  const given = kwargs.get('scope') ?? 'destroyed'
  const scope = scopes.find((each) => each === given)
  if (scope !== undefined) return scope
  throw new WampError(errorUris.invalidArgument, 'scope is destroyed or detached')
}

/** There is nobody to be told or to be left out. @throws WampError */
function optionsOf(given: WampDict): PublishOptions {
  try {
    return { ...publishOptions(given), acknowledge: false, excludeMe: false }
  } catch (error) {
    throw new WampError(errorUris.invalidArgument, error instanceof Error ? error.message : '')
  }
}
