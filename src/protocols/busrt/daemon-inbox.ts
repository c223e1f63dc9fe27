/**
 * What the daemon's own clients of the BUS/RT adapter have in common: they live in the process, read at once,
 * speak the RPC layer (spec/busrt 6) and ignore every other frame.
 */

import type { Inbox, LiveOperations, Peer, Sender } from '../../core/live.ts'
import {
  decodeRpc,
  encodeErrorReply,
  encodeReply,
  noReplyId,
  rpcErrorCodes,
  type RpcFrame,
} from '../../wire/busrt/rpc.ts'

/** A method answered with an error of its own. */
export class RpcFailure extends Error {
  readonly code: number

  constructor(code: number, text = '') {
    super(text)
    this.name = 'RpcFailure'
    this.code = code
  }
}

/** A request as a method sees it; the bytes are borrowed until the method returns or awaits. */
export interface RpcRequest {
  readonly sender: Sender
  readonly method: Uint8Array
  readonly params: Uint8Array
  readonly realtime: boolean
}

export abstract class DaemonInbox implements Inbox {
  readonly queuedBytes = 0
  abstract readonly live: LiveOperations

  /** Answers a request. @throws RpcFailure */
  protected abstract answer(request: RpcRequest): Uint8Array | Promise<Uint8Array>

  /** An answer to a request of this client. */
  protected answered(_sender: Sender, _frame: RpcFrame, _bytes: Uint8Array, _end: number): void {
    // Those that never call get none that concern them.
  }

  message(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void {
    this.live.receivedFrames += 1
    this.live.receivedBytes += end - start
    const frame = decodeRpc(bytes, start, end)
    if (frame === undefined || frame.kind === 'notification') return
    if (frame.kind === 'request') this.#serve(frame, sender, bytes, end, realtime)
    else this.answered(sender, frame, bytes, end)
  }

  broadcast(): void {
    this.live.receivedFrames += 1
  }

  publication(): void {
    this.live.receivedFrames += 1
  }

  // Never fed from a queue of its own, so there is nothing to stop.
  pause(): void {}
  resume(): void {}
  end(): void {}

  /** Sends a direct message of the RPC layer. */
  protected send(target: Uint8Array, payload: Uint8Array, realtime: boolean) {
    const frame = new Uint8Array(target.length + payload.length)
    frame.set(target)
    frame.set(payload, target.length)
    this.live.sentFrames += 1
    this.live.sentBytes += payload.length
    return this.live.send(frame, 0, target.length, target.length, frame.length, realtime)
  }

  #serve(
    frame: Extract<RpcFrame, { kind: 'request' }>,
    sender: Sender,
    bytes: Uint8Array,
    end: number,
    realtime: boolean,
  ): void {
    const { id } = frame
    // Whoever has the name later did not ask.
    const asker = this.live.find(sender.nameBytes, 0, sender.nameBytes.length)
    const method = bytes.subarray(frame.methodStart, frame.methodEnd)
    const params = bytes.subarray(frame.start, end)
    try {
      const result = this.answer({ sender, method, params, realtime })
      if (!(result instanceof Promise)) {
        if (id !== noReplyId) this.#reply(asker, encodeReply(id, result), realtime)
        return
      }
      result.then(
        (late) => {
          if (id !== noReplyId) this.#reply(asker, encodeReply(id, late), realtime)
        },
        (error: unknown) => this.#fail(id, asker, error, realtime),
      )
    } catch (error) {
      this.#fail(id, asker, error, realtime)
    }
  }

  #fail(id: number, asker: Peer | undefined, error: unknown, realtime: boolean): void {
    if (id === noReplyId) return
    const isKnown = error instanceof RpcFailure
    const code = isKnown ? error.code : rpcErrorCodes.internal
    // What else goes wrong is a defect of ours and nothing for the asker.
    const text = isKnown ? error.message : ''
    this.#reply(asker, encodeErrorReply(id, code, text), realtime)
  }

  #reply(asker: Peer | undefined, payload: Uint8Array, realtime: boolean): void {
    if (asker === undefined || asker.isClosed) return
    this.live.sentFrames += 1
    this.live.sentBytes += payload.length
    this.live.sendTo(asker, payload, 0, payload.length, realtime)
  }
}
