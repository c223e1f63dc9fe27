/** Calls of procedures, whoever serves them and by whatever protocol. */

import { CallError } from '../model/call-error.ts'
import { BusError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import { clientServiceCalls } from '../wire/gen/msgbus-v2.ts'
import { callOnce, unsupported } from './client-context.ts'
import type { ClientContext, RequestOptions } from './client-context.ts'
import { codecs, decodePayload, payloadText } from './payload-codec.ts'
import { toHeaders } from './publication.ts'
import type { HeadersInput } from './publication.ts'

export interface CallFields {
  readonly headers?: HeadersInput | undefined
}

/** What a procedure answered. */
export class CallResult {
  readonly procedure: string
  readonly payload: Uint8Array
  readonly headers: Headers

  constructor(procedure: string, result: { readonly payload: Uint8Array; headers: Headers }) {
    this.procedure = procedure
    this.payload = result.payload
    this.headers = result.headers
  }

  /** The payload as UTF-8; what is not shows as U+FFFD. */
  text(): string {
    return payloadText(this.payload)
  }

  /** The payload as JSON. @throws BusError `invalid_argument/undecodable` */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what it is
  json<T = unknown>(): T {
    return decodePayload(codecs.json<T>(), this.payload, `the answer of ${this.procedure}`)
  }
}

export interface ProcedureCall {
  readonly procedure: string
  readonly payload: Uint8Array
  /** Name of the caller; empty: none. */
  readonly from: string
  readonly options: CallFields & RequestOptions
}

/** @throws CallError an error of the application; BusError any other */
export async function callProcedure(
  context: ClientContext,
  { procedure, payload, from, options }: ProcedureCall,
): Promise<CallResult> {
  const headers = toHeaders(options.headers)
  // The deadline of the call itself is what the callee has.
  const request = { procedure, payload, headers, timeoutMs: 0, from }
  const { outcome } = await callOnce(context, clientServiceCalls.call, request, options).catch(
    (error: unknown) => {
      throw explain(error, procedure)
    },
  )
  switch (outcome?.case) {
    case 'result':
      return new CallResult(procedure, outcome.value)
    case 'failure': {
      const { name, ...rest } = outcome.value
      throw new CallError(name, rest)
    }
    case undefined:
      throw new BusError('internal', 'undecodable', `the call of ${procedure} ended in no way`)
  }
}

/** Nobody there has such a procedure, or the daemon has no procedures at all: one code, two reasons. */
function explain(error: unknown, procedure: string): unknown {
  if (!(error instanceof BusError)) return error
  if (error.reason === 'unsupported') return unsupported('procedures', error)
  if (error.code !== 'deadline_exceeded') return error
  const text = `${JSON.stringify(procedure)} did not answer in time`
  return new BusError(error.code, error.reason, text, { cause: error })
}
