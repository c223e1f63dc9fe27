/**
 * Errors of calls, both ways (spec/wamp 4.1, 13.7): what a callee of WAMP answers becomes an error of the bus that every
 * protocol can tell, and keeps its own words for callers of WAMP; what the bus or a callee of another protocol says
 * becomes a URI with arguments.
 */

import { CallError } from '../../model/call-error.ts'
import { BusError, type BusErrorCode, type ErrorReason } from '../../model/errors.ts'
import { encodePayload, type WampPayload } from '../../wire/wamp/payload.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'
import { isUri } from '../../wire/wamp/uri.ts'
import { argumentsOf, type Passthru, WampContent } from './call-content.ts'
import { errorUris, uriOfError } from './translate-error.ts'

/** An error as it stands in an ERROR to a caller. */
export interface ErrorAnswer {
  readonly uri: string
  readonly payload: WampPayload
  readonly passthru: Passthru | undefined
}

/** A callee of WAMP failed with an error of its application. */
class WampCallError extends CallError {
  readonly content: WampContent

  constructor(uri: string, content: WampContent) {
    const { payload, headers } = content
    super(uri, { message: messageOf(uri, content), payload, headers })
    this.content = content
  }
}

/** A callee of WAMP failed with an error that the protocol, and so every other one, knows. */
class WampRefusal extends BusError {
  readonly uri: string
  readonly content: WampContent

  constructor(uri: string, code: BusErrorCode, reason: ErrorReason, content: WampContent) {
    super(code, reason, messageOf(uri, content))
    this.uri = uri
    this.content = content
  }
}

const known: Readonly<Record<string, readonly [BusErrorCode, ErrorReason]>> = {
  [errorUris.noSuchProcedure]: ['unimplemented', 'no_such_procedure'],
  [errorUris.invalidArgument]: ['invalid_argument', 'bad_argument'],
  [errorUris.invalidUri]: ['invalid_argument', 'bad_argument'],
  [errorUris.notAuthorized]: ['permission_denied', 'access_denied'],
  [errorUris.timeout]: ['deadline_exceeded', 'timed_out'],
  [errorUris.canceled]: ['cancelled', 'cancelled'],
  // Some clients write it with two l.
  'wamp.error.cancelled': ['cancelled', 'cancelled'],
  [errorUris.unavailable]: ['unavailable', 'callee_busy'],
  [errorUris.noAvailableCallee]: ['unavailable', 'no_available_callee'],
  [errorUris.networkFailure]: ['unavailable', 'callee_busy'],
  [errorUris.payloadSizeExceeded]: ['resource_exhausted', 'payload_too_large'],
  [errorUris.runtimeError]: ['internal', 'application_error'],
}

/**
 * What a callee answered. A URI that is none is a runtime error.
 * @param content borrowed; the error is to be used in this turn, or by its natural form
 */
export function toCallFailure(uri: string, content: WampContent): BusError {
  const own = isUri(uri) ? uri : errorUris.runtimeError
  const row = Object.hasOwn(known, own) ? known[own] : undefined
  return row === undefined
    ? new WampCallError(own, content)
    : new WampRefusal(own, row[0], row[1], content)
}

/** What a caller of WAMP is told. */
export function toErrorAnswer(error: BusError, serializer: Serializer): ErrorAnswer {
  if (error instanceof WampRefusal) return answered(error.uri, error.content)
  if (error instanceof WampCallError) return answered(error.errorName, error.content)
  if (error instanceof CallError) return foreignError(error, serializer)
  const uri =
    error.reason === 'application_error'
      ? uriByCode[error.code]
      : (uriByReason[error.reason] ?? uriOfError(error))
  const text = error.reason === 'callee_gone' ? 'callee gone' : error.message
  return { uri, payload: encodePayload(serializer, [text]), passthru: undefined }
}

const uriByReason: Partial<Record<ErrorReason, string>> = {
  callee_gone: errorUris.canceled,
  callee_busy: errorUris.networkFailure,
  callee_lacks_feature: errorUris.featureNotSupported,
  no_available_callee: errorUris.noAvailableCallee,
  no_such_procedure: errorUris.noSuchProcedure,
  procedure_taken: errorUris.procedureAlreadyExists,
  reserved_name: errorUris.invalidUri,
  slow_client: errorUris.networkFailure,
}

/** What callees of other protocols say with a code alone (spec/wamp 13.7). */
const uriByCode: Readonly<Record<BusErrorCode, string>> = {
  cancelled: errorUris.canceled,
  unknown: errorUris.runtimeError,
  invalid_argument: errorUris.invalidArgument,
  deadline_exceeded: errorUris.timeout,
  not_found: errorUris.runtimeError,
  already_exists: errorUris.runtimeError,
  permission_denied: errorUris.notAuthorized,
  resource_exhausted: errorUris.payloadSizeExceeded,
  failed_precondition: errorUris.runtimeError,
  aborted: errorUris.canceled,
  out_of_range: errorUris.invalidArgument,
  unimplemented: errorUris.noSuchProcedure,
  internal: errorUris.runtimeError,
  unavailable: errorUris.unavailable,
  data_loss: errorUris.runtimeError,
  unauthenticated: errorUris.notAuthorized,
}

/** An error of an application that speaks another protocol; of BUS/RT, whose errors are numbers, too. */
function foreignError(error: CallError, serializer: Serializer): ErrorAnswer {
  const { errorName, message, payload, headers } = error
  if (/^-?\d+$/.test(errorName)) {
    const code = Number(errorName)
    const args = encodePayload(serializer, [message], { code })
    return { uri: 'msgbus.error.busrt', payload: args, passthru: undefined }
  }
  const uri = isUri(errorName) ? errorName : errorUris.runtimeError
  if (payload.length === 0 && headers.size === 0) {
    return { uri, payload: encodePayload(serializer, [message]), passthru: undefined }
  }
  const content = { payload, headers, byteLength: payload.length, keep: () => content }
  return { uri, payload: argumentsOf(content, serializer), passthru: undefined }
}

function answered(uri: string, { arguments: payload, passthru }: WampContent): ErrorAnswer {
  return { uri, payload, passthru }
}

/** For people who see it by another protocol. */
function messageOf(uri: string, content: WampContent): string {
  const [first] = content.passthru === undefined ? content.arguments.args : []
  return typeof first === 'string' ? first : uri
}
