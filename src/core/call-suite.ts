/** Callers and callees for tests of calls: they keep what they are told, in order. */

import { BusError, type ErrorReason } from '../model/errors.ts'
import { noHeaders } from '../model/message.ts'
import {
  type Callee,
  type CalleeFeatures,
  type CallContent,
  type CallRegistration,
  type CallRequest,
  type CallSink,
  type CancelMode,
  type OfferOptions,
  type OpenCall,
  PlainContent,
  type ServedCall,
} from './calls.ts'
import { type TestClient, textOf } from './live-suite.ts'

export const content = (text: string) => new PlainContent(Buffer.from(text), noHeaders)

const allFeatures: CalleeFeatures = {
  canBeInterrupted: true,
  takesProgressiveCalls: true,
  takesPassthru: true,
  watchesTimeouts: true,
  passesOn: true,
}

export const hasReason = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

export class TestCallee implements Callee {
  readonly features: CalleeFeatures
  isFull = false
  readonly calls: ServedCall[] = []
  /** What it was told, in order. */
  readonly told: string[] = []

  constructor(features: Partial<CalleeFeatures> = {}) {
    this.features = { ...allFeatures, ...features }
  }

  invoke(call: ServedCall, { payload }: CallContent): void {
    this.calls.push(call)
    this.told.push(`invoke ${textOf(payload)}`)
  }

  continue(_: ServedCall, { payload }: CallContent, isLast: boolean): void {
    this.told.push(`${isLast ? 'last' : 'more'} ${textOf(payload)}`)
  }

  interrupt(_: ServedCall, mode: CancelMode, { reason }: BusError): void {
    this.told.push(`${mode} ${reason}`)
  }

  revoked({ procedure }: CallRegistration, reason: string): void {
    this.told.push(`revoked ${procedure} ${reason}`)
  }
}

export class TestSink implements CallSink {
  readonly told: string[] = []

  progress(_: OpenCall, { payload }: CallContent): void {
    this.told.push(`progress ${textOf(payload)}`)
  }

  answered(_: OpenCall, { payload }: CallContent): void {
    this.told.push(`answered ${textOf(payload)}`)
  }

  failed(_: OpenCall, { reason }: BusError): void {
    this.told.push(reason)
  }
}

export function offer(client: TestClient, callee: Callee, options: Partial<OfferOptions> = {}) {
  const defaults: OfferOptions = {
    procedure: 'p',
    match: 'exact',
    invoke: 'single',
    concurrency: Infinity,
    queuePlaces: 0,
    replaces: false,
    disclosesCaller: false,
    forwardTimeout: false,
  }
  return client.handle.calls.offer({ ...defaults, ...options }, callee)
}

export function begin(client: TestClient, options: Partial<CallRequest> = {}) {
  const sink = new TestSink()
  const defaults: CallRequest = {
    procedure: 'p',
    content: content('q'),
    timeoutMs: Infinity,
    receivesProgress: false,
    isProgressive: false,
    isPassthru: false,
    disclosesCaller: false,
  }
  const call = client.handle.calls.begin({ ...defaults, ...options }, sink, 7)
  return { call, sink }
}
