/** msgbus.v1 on a simulated socket: what sync asks of a peer, and what a node answers from its store. */

import type { LogStore } from '../../src/core/log-store.ts'
import { BusError } from '../../src/model/errors.ts'
import type { NodeId } from '../../src/model/node-id.ts'
import type { DialV1, V1Fetch, V1Peer } from '../../src/sync/v1-port.ts'
import type {
  FetchRequest,
  HealthResponse,
  MessageEnvelope,
  TopicHead,
} from '../../src/wire/gen/msgbus-v1.ts'
import type { FrameStream } from '../../src/net/frame-stream.ts'
import { type DistortFrame, openLink, refuseLink, SimFrameStream } from './sim-link.ts'
import type { SimNetwork, SimSocket } from './sim-network.ts'

type Ask =
  | { readonly call: number; readonly method: 'health' | 'listHeads' | 'cancel' }
  | { readonly call: number; readonly method: 'fetch'; readonly request: FetchRequest }

/** `end` comes last; a unary call has one answer before it. */
type Answer =
  | { readonly call: number; readonly kind: 'answer'; readonly answer: unknown }
  | { readonly call: number; readonly kind: 'end' }

/** Changes an answer on its way out; undefined: the answer is not sent at all. */
export type Distort = (method: Ask['method'], answer: unknown) => unknown

const page = { messages: 20, bytes: 4_096 }

/** Answers everything that comes on this socket. @param acceptLink absent: the node knows no links */
export function serveV1(
  socket: SimSocket,
  node: NodeId,
  store: LogStore,
  distort: Distort = (_method, answer) => answer,
  acceptLink?: (socket: SimSocket) => void,
): void {
  const cancelled = new Set<number>()
  const answer = (ask: Ask, value: unknown): void => {
    const distorted = distort(ask.method, value)
    if (distorted === undefined) return
    socket.send({ call: ask.call, kind: 'answer', answer: distorted } satisfies Answer)
  }
  const serve = async (ask: Ask): Promise<void> => {
    if (ask.method === 'health') answer(ask, { status: 'SERVING', node })
    if (ask.method === 'listHeads') {
      answer(
        ask,
        [...store.logs()].map(({ topic, origin, head }) => ({ topic, origin, headId: head })),
      )
    }
    if (ask.method === 'fetch') {
      const { topic, origin = node, fromHeadId, limit } = ask.request
      let left = limit
      for (let from = fromHeadId; left > 0 && !cancelled.has(ask.call);) {
        const { messages, nextHead } = await store.read({ topic, origin }, from, {
          ...page,
          messages: Math.min(left, page.messages),
        })
        if (messages.length === 0) break
        for (const message of messages) answer(ask, message)
        left -= messages.length
        from = nextHead
      }
    }
    socket.send({ call: ask.call, kind: 'end' } satisfies Answer)
  }
  socket.onMessage = (message) => {
    if (message === openLink) {
      if (acceptLink === undefined) socket.send(refuseLink)
      else acceptLink(socket)
      return
    }
    const ask = message as Ask
    if (ask.method === 'cancel') cancelled.add(ask.call)
    else void serve(ask)
  }
}

export interface HowToDial {
  readonly knowsLinks: boolean
  /** What a liar does to its frames. */
  readonly distortFrame: DistortFrame | undefined
}

/** Connections from one node to another.  */
export function dialSimulated(
  network: SimNetwork,
  from: number,
  to: number,
  how: HowToDial,
): DialV1 {
  return async (signal) => {
    const socket = await network.connect(from, to).catch((cause: unknown) => {
      throw new BusError('unavailable', 'connection_lost', 'refused', { cause })
    })
    if (!signal.aborted) return how.knowsLinks ? new SimLinkPeer(socket, how) : new SimPeer(socket)
    socket.close()
    throw lost()
  }
}

class SimPeer implements V1Peer {
  protected readonly socket: SimSocket
  readonly #calls = new Map<number, PendingCall>()
  #lastCall = 0
  #listed = ''

  constructor(socket: SimSocket) {
    this.socket = socket
    this.listen()
  }

  protected listen(): void {
    const { socket } = this
    socket.onMessage = (message) => {
      const answer = message as Answer
      this.#calls.get(answer.call)?.push(answer)
      if (answer.kind === 'end') this.#calls.delete(answer.call)
    }
    socket.onClose = () => {
      for (const call of this.#calls.values()) call.fail(lost())
      this.#calls.clear()
    }
  }

  async health(): Promise<HealthResponse> {
    return (await this.#ask({ method: 'health' }).next()) as HealthResponse
  }

  async listHeads(): Promise<readonly TopicHead[] | undefined> {
    const heads = (await this.#ask({ method: 'listHeads' }).next()) as TopicHead[]
    const text = JSON.stringify(heads)
    if (text === this.#listed) return undefined
    this.#listed = text
    return heads
  }

  fetch(request: FetchRequest): V1Fetch {
    const call = this.#ask({ method: 'fetch', request })
    return {
      read: async () => (await call.next()) as MessageEnvelope | undefined,
      cancel: () => {
        if (!this.#calls.delete(call.id)) return
        this.socket.send({ call: call.id, method: 'cancel' } satisfies Ask)
        call.fail(new BusError('cancelled', 'cancelled', 'cancelled'))
      },
    }
  }

  close(): void {
    this.socket.close()
  }

  #ask(ask: { method: 'health' | 'listHeads' } | { method: 'fetch'; request: FetchRequest }) {
    const id = (this.#lastCall += 1)
    const call = new PendingCall(id)
    if (this.socket.isOpen) {
      this.#calls.set(id, call)
      this.socket.send({ call: id, ...ask } satisfies Ask)
    } else call.fail(lost())
    return call
  }
}

class SimLinkPeer extends SimPeer {
  readonly #how: HowToDial

  constructor(socket: SimSocket, how: HowToDial) {
    super(socket)
    this.#how = how
  }

  /** After a link that was refused the socket is as it was. */
  openLink(): FrameStream {
    const stream = new SimFrameStream(this.socket, this.#how.distortFrame, () => this.listen())
    this.socket.send(openLink)
    return stream
  }
}

/** Answers that came and were not asked for yet, or the other way round. */
class PendingCall {
  readonly id: number
  readonly #answers: Answer[] = []
  #error: BusError | undefined
  #reader: (() => void) | undefined

  constructor(id: number) {
    this.id = id
  }

  push(answer: Answer): void {
    this.#answers.push(answer)
    this.#wake()
  }

  fail(error: BusError): void {
    this.#error ??= error
    this.#wake()
  }

  /** Undefined at the end. */
  async next(): Promise<unknown> {
    while (this.#answers.length === 0) {
      if (this.#error !== undefined) throw this.#error
      await new Promise<void>((resolve) => (this.#reader = resolve))
    }
    const answer = this.#answers.shift()
    return answer?.kind === 'answer' ? answer.answer : undefined
  }

  #wake(): void {
    this.#reader?.()
    this.#reader = undefined
  }
}

function lost(): BusError {
  return new BusError('unavailable', 'connection_lost', 'the connection is gone')
}
