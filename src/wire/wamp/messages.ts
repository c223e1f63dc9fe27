/**
 * Messages of WAMP as the router works with them (spec/wamp 1). Those of clients are made by `decode-message.ts` and
 * have been checked for layout and kinds; options stay a dict, whose known keys `options.ts` reads. Those of the router
 * are written by `encode-message.ts`.
 */

import type { messageTypes } from './message-types.ts'
import type { WampPayload } from './payload.ts'
import type { WampDict, WampInput } from './value.ts'

type Types = typeof messageTypes

/** Details and options that the router writes. */
export type DictInput = WampDict | { readonly [key: string]: WampInput }

export interface HelloMessage {
  readonly type: Types['hello']
  readonly realm: string
  readonly details: WampDict
}

export interface AuthenticateMessage {
  readonly type: Types['authenticate']
  readonly signature: string
  readonly extra: WampDict
}

export interface ClientAbortMessage {
  readonly type: Types['abort']
  readonly details: WampDict
  readonly reason: string
}

export interface ClientGoodbyeMessage {
  readonly type: Types['goodbye']
  readonly details: WampDict
  readonly reason: string
}

/** Of a callee: the request is an INVOCATION. */
export interface ClientErrorMessage {
  readonly type: Types['error']
  readonly requestType: number
  readonly request: number
  readonly details: WampDict
  readonly error: string
  readonly payload: WampPayload
}

export interface PublishMessage {
  readonly type: Types['publish']
  readonly request: number
  readonly options: WampDict
  readonly topic: string
  /** Borrowed: valid while the message is being handled. */
  readonly payload: WampPayload
}

export interface SubscribeMessage {
  readonly type: Types['subscribe']
  readonly request: number
  readonly options: WampDict
  readonly topic: string
}

export interface UnsubscribeMessage {
  readonly type: Types['unsubscribe']
  readonly request: number
  readonly subscription: number
}

export interface CallMessage {
  readonly type: Types['call']
  readonly request: number
  readonly options: WampDict
  readonly procedure: string
  /** Borrowed: valid while the message is being handled. */
  readonly payload: WampPayload
}

export interface CancelMessage {
  readonly type: Types['cancel']
  /** Of the CALL. */
  readonly request: number
  readonly options: WampDict
}

export interface RegisterMessage {
  readonly type: Types['register']
  readonly request: number
  readonly options: WampDict
  readonly procedure: string
}

export interface UnregisterMessage {
  readonly type: Types['unregister']
  readonly request: number
  readonly registration: number
}

export interface YieldMessage {
  readonly type: Types['yield']
  /** Of the INVOCATION. */
  readonly request: number
  readonly options: WampDict
  /** Borrowed: valid while the message is being handled. */
  readonly payload: WampPayload
}

export type ClientMessage =
  | HelloMessage
  | AuthenticateMessage
  | ClientAbortMessage
  | ClientGoodbyeMessage
  | ClientErrorMessage
  | PublishMessage
  | SubscribeMessage
  | UnsubscribeMessage
  | CallMessage
  | CancelMessage
  | RegisterMessage
  | UnregisterMessage
  | YieldMessage

/** What the router sends. Payloads are transcoded where the receiver speaks another serializer. */
export type RouterMessage =
  | { readonly type: Types['welcome']; readonly session: number; readonly details: DictInput }
  | {
      readonly type: Types['abort'] | Types['goodbye']
      readonly details: DictInput
      readonly reason: string
    }
  | { readonly type: Types['challenge']; readonly method: string; readonly extra: DictInput }
  | {
      readonly type: Types['error']
      readonly requestType: number
      readonly request: number
      readonly details: DictInput
      readonly error: string
      readonly payload?: WampPayload | undefined
    }
  | { readonly type: Types['published']; readonly request: number; readonly publication: number }
  | { readonly type: Types['subscribed']; readonly request: number; readonly subscription: number }
  | {
      readonly type: Types['unsubscribed'] | Types['unregistered']
      /** 0: the router took it away, and `details` says why. */
      readonly request: number
      readonly details?: DictInput | undefined
    }
  | {
      readonly type: Types['event']
      readonly subscription: number
      readonly publication: number
      readonly details: DictInput
      readonly payload?: WampPayload | undefined
    }
  | {
      readonly type: Types['result']
      readonly request: number
      readonly details: DictInput
      readonly payload?: WampPayload | undefined
    }
  | { readonly type: Types['registered']; readonly request: number; readonly registration: number }
  | {
      readonly type: Types['invocation']
      readonly request: number
      readonly registration: number
      readonly details: DictInput
      readonly payload?: WampPayload | undefined
    }
  | { readonly type: Types['interrupt']; readonly request: number; readonly options: DictInput }
