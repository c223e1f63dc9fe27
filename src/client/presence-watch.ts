/**
 * Who comes and goes, by name. It begins with everybody who is there, and after a broken connection it
 * tells what has changed meanwhile, so that a program that counts along is always right again.
 */

import type { BusError } from '../model/errors.ts'
import type { JoinResponse, PresenceChange } from '../wire/gen/msgbus-v2.ts'
import { BatchQueue } from './batch-queue.ts'
import type { ClientContext } from './client-context.ts'
import { listClients } from './client-list.ts'
import { JoinLink } from './join-link.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'

export interface PresenceEvent {
  /** `replaced`: another client has taken the name over and is there now. */
  readonly kind: 'joined' | 'left' | 'replaced'
  readonly name: string
  /** It is the secondary of another. */
  readonly secondary: boolean
  /** `grpc`, `busrt` … */
  readonly protocol: string
  /** Why the daemon ended it; empty: it went by itself, or nobody knows. */
  readonly reason: string
}

export interface PresenceOptions {
  /** `false`: ends with the connection. Default: reconnect for ever. */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** Ends it: iterating throws `cancelled`. For a quiet end call `close`. */
  readonly signal?: AbortSignal | undefined
}

/** An async iterable of events; made by `client.presence`. */
export class PresenceWatch implements AsyncIterable<PresenceEvent> {
  readonly #context: ClientContext
  readonly #mask: string
  readonly #link: JoinLink
  readonly #queue: BatchQueue<PresenceEvent>
  /** Who is there, as far as this was told. */
  readonly #known = new Map<string, PresenceEvent>()

  constructor(context: ClientContext, mask: string, { reconnect, signal }: PresenceOptions) {
    this.#context = context
    this.#mask = mask
    this.#queue = new BatchQueue<PresenceEvent>({
      maxItems: 10_000,
      maxBytes: Number.POSITIVE_INFINITY,
      onClosed: () => this.#link.stop(),
    })
    this.#link = new JoinLink(context, {
      what: `presence ${mask}`,
      name: '',
      replace: false,
      presence: mask,
      reconnect,
      signal,
      onJoined: (stop) => this.#compare(stop),
      onResponse: (response) => this.#accept(response),
      onEnd: (error: BusError | undefined) => this.#queue.close(error),
    })
    this.#link.start()
  }

  /** Resolves when everybody who is there has been told of. */
  ready(): Promise<void> {
    return this.#link.ready()
  }

  [Symbol.asyncIterator](): AsyncIterator<PresenceEvent, undefined> {
    return {
      next: () => this.#queue.next(),
      return: () => {
        this.close()
        return Promise.resolve({ value: undefined, done: true })
      },
    }
  }

  /** Frees the stream at once; iterating ends quietly. May be called twice. */
  close(): void {
    this.#queue.close()
  }

  /** Tells how what is differs from what was told. The stream stands, so nothing is missed after it. */
  async #compare(signal: AbortSignal): Promise<void> {
    const clients = await listClients(this.#context, this.#mask, { signal })
    const here = new Set(clients.map(({ name }) => name))
    const events: PresenceEvent[] = []
    for (const event of this.#known.values()) {
      if (!here.has(event.name)) events.push({ ...event, kind: 'left', reason: '' })
    }
    for (const { name, protocol } of clients) {
      const secondary = name.includes('%%')
      events.push({ kind: 'joined', name, secondary, protocol, reason: '' })
    }
    await this.#push(events)
  }

  #accept({ presence }: JoinResponse): Promise<void> | undefined {
    return this.#push(presence.map(toEvent))
  }

  /** Leaves out what is known already: the list and the stream overlap. */
  #push(events: readonly PresenceEvent[]): Promise<void> | undefined {
    const news: PresenceEvent[] = []
    for (const event of events) {
      const wasHere = this.#known.has(event.name)
      if (event.kind === 'left') {
        if (!this.#known.delete(event.name)) continue
      } else {
        if (event.kind === 'joined' && wasHere) continue
        this.#known.set(event.name, event)
      }
      news.push(event)
    }
    return this.#queue.push(news, 0)
  }
}

function toEvent({ name, secondary, protocol, change }: PresenceChange): PresenceEvent {
  const kind = change?.case ?? 'joined'
  const reason = change?.case === 'left' ? change.value.reason : ''
  return { kind, name, secondary, protocol, reason }
}
