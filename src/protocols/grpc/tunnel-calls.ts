/** Calls that come through the tunnel: the same methods as by gRPC, found by their path. */

import type {
  CallSource,
  DuplexCall,
  Method,
  Received,
  StreamingCall,
  UnaryCall,
} from './incoming-call.ts'
import { type OpenedCall, TunnelCall, type TunnelCallOptions } from './tunnel-call.ts'

/** Begins a call of one method. */
export type OpenCall = (options: TunnelCallOptions) => OpenedCall

export class TunnelCalls implements CallSource {
  readonly #methods = new Map<string, OpenCall>()

  /** Undefined: there is no such method. */
  method(path: string): OpenCall | undefined {
    return this.#methods.get(path)
  }

  unary<Q, R>(method: Method<Q, R>, serve: (received: Received<Q>, call: UnaryCall) => void): void {
    this.#addSingle(method, serve, true)
  }

  serverStream<Q, R>(
    method: Method<Q, R>,
    serve: (received: Received<Q>, call: StreamingCall) => void,
  ): void {
    this.#addSingle(method, serve, false)
  }

  duplex<Q, R>(method: Method<Q, R>, serve: (call: DuplexCall<Q>) => void): void {
    const { path, requestDeserialize } = method
    this.#methods.set(path, (options) => {
      const call = new TunnelCall(options, requestDeserialize, {
        requestsMost: Infinity,
        isUrgent: false,
      })
      serve(call)
      return call
    })
  }

  /** Methods with one request are served once it is there. */
  #addSingle<Q, R>(
    { path, requestDeserialize }: Method<Q, R>,
    serve: (received: Received<Q>, call: TunnelCall<Q>) => void,
    isUrgent: boolean,
  ): void {
    this.#methods.set(path, (options) => {
      const call = new TunnelCall(options, requestDeserialize, { requestsMost: 1, isUrgent })
      call.onRequest((received) => serve(received, call))
      return call
    })
  }
}
